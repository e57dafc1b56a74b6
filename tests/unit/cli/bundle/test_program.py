import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import IO, Any

import pytest

from nemotron_operator.cli.bundle.program import run_program
from nemotron_operator.errors import OperatorError

pytestmark = pytest.mark.program


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_progress_outcome_and_log_are_told_apart() -> None:
    script = """
import sys
print('hello'); print('{"progress": {"percent": 5}}'); print('[1]'); print('log', file=sys.stderr)
print('{"outcome": "Complete", "commit": "abc"}')
"""
    progress: list[Any] = []
    ending = run_program(python(script), report=progress.append)
    assert ending.is_complete
    assert ([{"percent": 5}], "abc", ["log"]) == (progress, ending.outcome["commit"], list(ending.tail))


def test_a_failure_is_explained_by_the_programs_own_message() -> None:
    script = """print('{"outcome": "Failed", "message": "No space."}'); raise SystemExit(3)"""
    ending = run_program(python(script))
    assert (False, 3, "No space.") == (ending.is_complete, ending.exit_code, ending.explain())


def test_a_program_without_an_outcome_is_explained_by_its_last_words() -> None:
    script = "import sys; print('\\n'.join(map(str, range(9))), file=sys.stderr); sys.exit(1)"
    assert "It ended with exit code 1: 4 5 6 7 8." == run_program(python(script)).explain()
    assert "It ended with exit code 0: it said nothing." == run_program(python("")).explain()


def test_input_larger_than_any_pipe_arrives() -> None:
    script = """import sys; print('{"outcome": "Complete", "bytes": %d}' % len(sys.stdin.buffer.read()))"""
    ending = run_program(python(script), feed=lambda stream: write(stream, 5 << 20))
    assert 5 << 20 == ending.outcome["bytes"]


def write(stream: IO[bytes], count: int) -> None:
    stream.write(bytes(count))


def test_a_program_that_ends_before_it_has_read_everything_has_the_last_word() -> None:
    script = """print('{"outcome": "Failed", "message": "Enough."}'); raise SystemExit(3)"""
    ending = run_program(python(script), feed=lambda stream: write(stream, 5 << 20))
    assert "Enough." == ending.explain()


@pytest.mark.parametrize("outcome", ["Failed", "Complete"])
def test_a_program_that_stays_after_its_outcome_and_reads_no_more_is_ended(outcome: str) -> None:
    """As `kubectl exec` does where the program in the pod ended before it had read everything."""
    script = f"""import time; print('{{"outcome": "{outcome}", "message": "Enough."}}', flush=True); time.sleep(600)"""
    ending = run_program(python(script), feed=lambda stream: write(stream, 5 << 20))
    assert (outcome == "Complete", "Enough.") == (ending.is_complete, ending.explain())


def test_a_mistake_while_feeding_ends_the_program() -> None:
    pids: list[str] = []

    def fail(stream: IO[bytes]) -> None:
        stream.write(b"some")
        while not pids:
            time.sleep(0.01)
        raise OperatorError("damaged")

    script = """import os, sys; print('{"progress": {"pid": %d}}' % os.getpid(), flush=True); sys.stdin.read()"""
    with pytest.raises(OperatorError, match="damaged"):
        run_program(python(script), feed=fail, report=lambda progress: pids.append(progress["pid"]))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids[0]), 0)


def test_ctrl_c_ends_the_program() -> None:
    pids: list[str] = []
    script = """import os, time; print('{"progress": {"pid": %d}}' % os.getpid(), flush=True); time.sleep(600)"""

    def interrupt(progress: Mapping[str, Any]) -> None:
        pids.append(progress["pid"])
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_program(python(script), report=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids[0]), 0)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(OperatorError, match=r"^/nix/nix cannot be started: No such file or directory\.$"):
        run_program(["/nix/nix"])


def test_warnings_are_told_as_they_come_and_other_lines_are_not() -> None:
    script = """
import sys
print('2026-11-26 19:04:49,411 WARNING a.b.patience: hub answered 503. Asking again in 0.8 s.', file=sys.stderr)
print('2026-11-26 19:04:49,411 WARNING Taking it back.', file=sys.stderr)
print('2026-11-26 19:04:49,411 INFO a.b.resolve: commit.', file=sys.stderr)
"""
    warnings: list[str] = []
    run_program(python(script), warn=warnings.append)
    assert ["hub answered 503. Asking again in 0.8 s.", "Taking it back."] == warnings
