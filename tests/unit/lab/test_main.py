from pathlib import Path

import pytest

from lab import __main__ as command_line
from lab.errors import LabError
from lab.node_network import NodeNetwork
from lab.node_settings import image_store


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["lab", *arguments])
    return command_line.main()


@pytest.mark.parametrize("arguments", [("--name", "a", "down"), ("down", "--name", "a")])
def test_the_name_may_stand_before_or_after_the_command(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 0
    assert capsys.readouterr().out == "cluster a: there is none\n"


def test_an_error_is_one_message_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_arguments: object, _rest: list[str]) -> None:
        raise LabError("etcd: the build failed.")

    monkeypatch.setitem(command_line._COMMANDS, "up", fail)
    assert run(monkeypatch, "up") == 1
    assert capsys.readouterr().err == "lab: etcd: the build failed.\n"


def test_kubectl_without_a_cluster_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "kubectl", "get", "pods") == 1
    assert "python -m lab --name demo up" in capsys.readouterr().err


def test_why_there_can_be_no_real_node_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lab.__main__.why_no_real_node", lambda: "this is a toaster.")
    assert run(monkeypatch, "check-real-node") == 1
    assert capsys.readouterr().err == "lab: no real node here: this is a toaster.\n"


@pytest.mark.parametrize(("arguments", "are_kept"), [(("down",), True), (("down", "--images"), False)])
def test_images_of_a_real_node_are_kept_unless_they_are_named(
    arguments: tuple[str, ...], *, are_kept: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "nemotron-operator" / "lab"
    network = NodeNetwork(63)
    network.save(home / "clusters" / "a")
    images = image_store(home / "clusters" / "a", network)
    images.mkdir(parents=True)
    assert run(monkeypatch, *arguments, "--name", "a") == 0
    assert images.exists() is are_kept
