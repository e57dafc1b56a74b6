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
from nemotron_operator.cli.batch.following import WORDS_SHOWN
from tests.unit.batch.batches import an_answer, leave, make_place
from tests.unit.batch.fake_server import FakeServer, serving


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


KEY = "sk-sesame"


def test_a_key_with_a_line_end_is_sent_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    make_place(tmp_path, ["a"])
    with serving(FakeServer()) as server:
        arguments = [f"--base-url={server.base_url}", f"--termination-message-path={tmp_path / 'm'}"]
        assert 0 == main(["send", f"--directory={tmp_path}", *arguments])
    assert {f"Bearer {KEY}"} == server.keys


@pytest.mark.parametrize("middle", ["\n", " ", "\x00", "\u00e4"])
def test_a_key_that_no_header_holds_is_for_a_person_and_is_not_told(
    middle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"OPENAI_API_KEY": f"{KEY}{middle}more"}
    monkeypatch.setattr("nemotron_operator.batch.main.os.environ", environment)
    make_place(tmp_path)
    arguments = ["--base-url=http://127.0.0.1:1/v1", f"--termination-message-path={tmp_path / 'm'}"]
    assert 3 == main(["send", f"--directory={tmp_path}", *arguments])
    captured = capsys.readouterr()
    said = captured.out + captured.err + (tmp_path / "m").read_text()
    assert "Put the key alone into the Secret" in said
    assert "sesame" not in said


def test_what_the_server_says_of_the_key_is_told_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    make_place(tmp_path)
    with serving(FakeServer(lambda _text, _times: (401, {"error": f"{KEY} is no key"}))) as server:
        arguments = [f"--base-url={server.base_url}", f"--termination-message-path={tmp_path / 'm'}"]
        assert 3 == main(["send", f"--directory={tmp_path}", *arguments])
    captured = capsys.readouterr()
    assert KEY not in captured.out + captured.err + (tmp_path / "m").read_text()
    assert "[redacted] is no key" in captured.out


def test_a_full_volume_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_self: Place) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Place, "make", fail)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    message = f"--termination-message-path={tmp_path / 'm'}"
    assert 3 == main(["receive", "--sha256=0", f"--directory={tmp_path}", message])
    said = json.loads(capsys.readouterr().out)["message"]
    grow, delete = said.index("kubectl patch pvc"), said.index("larger --size")
    assert grow < said.index("the same command") < delete
    assert '"storage":"SIZE"' in said  # a number of ours would make a larger claim smaller, which is refused
    assert "SIZE more than now" in said
    assert len(said) <= WORDS_SHOWN  # else nemoctl shows its end alone
