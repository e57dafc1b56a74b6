import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nemotron_operator.termination.ending import add_termination_message_path, tell
from nemotron_operator.termination.outcome import Failed, render_line

FAILED = Failed("NoSpace", "The token is s3cr3t.", retryable=False)

STUCK = """
import ctypes
from nemotron_operator.termination.ending import end_at_once_on_ctrl_c, end_at_once_on_sigterm

end_at_once_on_sigterm()
end_at_once_on_ctrl_c("Nothing is lost.")
mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
print("ready", flush=True)
while True:
    libc.pthread_mutex_lock(mutex)
"""
"""A program whose main thread never comes back from where it waits."""


def test_the_outcome_is_the_termination_message_and_the_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 3 == tell(FAILED, tmp_path / "log")
    written = capsys.readouterr().out
    assert written == (tmp_path / "log").read_text()
    assert FAILED.as_json() == json.loads(written)


def test_a_secret_is_taken_out_of_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell(FAILED, tmp_path / "log", lambda line: line.replace("s3cr3t", "[redacted]"))
    assert "s3cr3t" not in capsys.readouterr().out + (tmp_path / "log").read_text()


def test_a_secret_that_would_be_cut_in_the_middle_is_taken_out_as_a_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = len(json.loads(render_line(Failed("NoSpace", "x" * 10_000, retryable=False)))["message"])
    failed = Failed("NoSpace", "x" * (room - 6) + "s3cr3t" * 10, retryable=False)
    tell(failed, tmp_path / "log", lambda text: text.replace("s3cr3t", "[redacted]"))
    assert "s3c" not in capsys.readouterr().out


def test_the_outcome_is_told_where_there_is_no_termination_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 3 == tell(FAILED, tmp_path / "absent" / "log")
    assert FAILED.as_json() == json.loads(capsys.readouterr().out)


def test_a_pod_has_the_log_where_kubernetes_looks_for_it() -> None:
    parser = argparse.ArgumentParser()
    add_termination_message_path(parser)
    assert Path("/dev/termination-log") == parser.parse_args([]).termination_message_path


@pytest.mark.program
@pytest.mark.parametrize(
    ("number", "exit_code", "words"),
    [(signal.SIGTERM, 75, ""), (signal.SIGINT, 130, "\nNothing is lost.\n")],
    ids=["SIGTERM", "SIGINT"],
)
def test_a_signal_ends_a_program_at_once_whatever_its_main_thread_waits_for(
    number: signal.Signals, exit_code: int, words: str
) -> None:
    command, pipe = [sys.executable, "-c", STUCK], subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()
            process.send_signal(number)
            assert ("", words) == process.communicate(timeout=60)
        finally:
            process.kill()
    assert exit_code == process.returncode
