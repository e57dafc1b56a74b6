from pathlib import Path

import pytest

from lab import __main__ as command_line
from lab.errors import LabError


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
