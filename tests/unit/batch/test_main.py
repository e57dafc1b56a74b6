"""The command line of `nemotron-batch`."""

import errno
import hashlib
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nemotron_operator.batch.main import main
from nemotron_operator.batch.place import Place
from tests.unit.batch.batches import an_answer, leave, make_place


def test_results_go_to_stdout_and_what_they_come_to_to_stderr(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    place = make_place(tmp_path)
    leave(place, 1, an_answer("b"))
    assert 0 == main(["results", f"--directory={tmp_path}"])
    out, err = capfdbinary.readouterr()
    assert an_answer("b").encode() + b"\n" == out
    outcome = json.loads(err.splitlines()[-1])
    assert {"outcome": "Complete", "total": 3, "answered": 1, "failed": 0, "missing": 2} == {
        key: value for key, value in outcome.items() if key != "sha256"
    }
    assert hashlib.sha256(out).hexdigest() == outcome["sha256"]


def test_an_outcome_is_told_to_the_termination_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_place(tmp_path)
    message = tmp_path / "message"
    assert 0 == main(["prepare", f"--directory={tmp_path}", f"--termination-message-path={message}"])
    assert message.read_text() == capsys.readouterr().out
    assert 3 == json.loads(message.read_text())["missing"]


def test_a_batch_without_requests_is_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 3 == main(["prepare", f"--directory={tmp_path}", f"--termination-message-path={tmp_path / 'm'}"])
    assert "NoRequests" == json.loads(capsys.readouterr().out)["reason"]


def test_a_full_volume_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_self: Place) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Place, "make", fail)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    message = f"--termination-message-path={tmp_path / 'm'}"
    assert 3 == main(["receive", "--sha256=0", f"--directory={tmp_path}", message])
    assert "larger --size" in json.loads(capsys.readouterr().out)["message"]
