"""Running a program of the operator's that ends with one JSON line, here or in a pod: input, progress, ending."""

import json
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from nemotron_operator.errors import OperatorError

TAIL_LINES = 5
"""How many of the last lines of standard error an error quotes."""

END_SECONDS = 10
"""How long a program may take to end when it is told to."""

LINGER_SECONDS = 3
"""How long a program may take to end once it has told its outcome. `kubectl exec` stays for ever where the program in
the pod ended before it had read all its input."""

Feed = Callable[[IO[bytes]], None]
"""Writes the program's input; whoever runs the program closes it."""

WARNING = re.compile(r" WARNING (?:[\w.]+: )?(.+)")
"""How the Jobs' programs log what a person may want to know while they go on, such as a pause before the next try."""

ReportProgress = Callable[[Mapping[str, Any]], None]
"""Called with each progress object that the program prints."""


@dataclass(slots=True)
class Ending:
    """How a program ended."""

    exit_code: int = 0
    outcome: dict[str, Any] = field(default_factory=dict)
    """The last JSON line; empty when it printed none."""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    """The end of what it said on standard error."""

    @property
    def is_complete(self) -> bool:
        """Whether the program did what it is for."""
        return self.outcome.get("outcome") == "Complete"

    def explain(self) -> str:
        """Say why it failed, in its own words."""
        if message := self.outcome.get("message"):
            return str(message)
        said = " ".join(self.tail) or "it said nothing"
        return f"It ended with exit code {self.exit_code}: {said.rstrip('.')}."


def run_program(
    command: Sequence[str],
    *,
    feed: Feed | None = None,
    report: ReportProgress = lambda _progress: None,
    warn: Callable[[str], None] = lambda _warning: None,
    environment: Mapping[str, str] | None = None,
) -> Ending:
    """Run a program to its end. An exception here, and Ctrl-C, end it too.

    Parameters
    ----------
    warn
        Called with each warning that the program logs.

    Raises
    ------
    OperatorError
        The program cannot be started.
    """
    process = _start(command, environment)
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise AssertionError("the program was started with pipes")
    ending = Ending()
    readers = [
        threading.Thread(target=_read_output, args=(process, process.stdout, ending, report), daemon=True),
        threading.Thread(target=_read_log, args=(process.stderr, ending, warn), daemon=True),
    ]
    try:
        for reader in readers:
            reader.start()
        _write_input(process.stdin, feed)
        ending.exit_code = process.wait()
    finally:
        _end(process)
        with suppress(OSError):  # what nobody reads any more cannot be flushed
            process.stdin.close()
        for reader in readers:
            if reader.ident is not None:
                reader.join(END_SECONDS)
    return ending


def _start(command: Sequence[str], environment: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, so that Ctrl-C reaches only this program, which then ends the other one."""
    try:
        return subprocess.Popen(  # noqa: S603 - the caller's own command, and no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise OperatorError(f"{command[0]} cannot be started: {error.strerror}.") from error


def _write_input(stream: IO[bytes], feed: Feed | None) -> None:
    """Write everything, or what the program takes: one that ended before says why in its ending."""
    with suppress(BrokenPipeError):
        if feed is not None:
            feed(stream)
        stream.close()


def _end(process: subprocess.Popen[bytes], patience_seconds: float = 0) -> None:
    """End a program that still runs after a while; whoever writes its input then finds nobody who reads."""
    for end, seconds in ((process.terminate, patience_seconds), (process.kill, END_SECONDS)):
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
        end()
    process.wait()


def _read_output(process: subprocess.Popen[bytes], stream: IO[bytes], ending: Ending, report: ReportProgress) -> None:
    """Read progress and outcome, which is the last word; what else is printed is none of ours."""
    with stream:
        for line in stream:
            content = _parse(line)
            if isinstance(content.get("progress"), dict):
                report(content["progress"])
            elif "outcome" in content:
                ending.outcome = content
                _end(process, LINGER_SECONDS)


def _parse(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _read_log(stream: IO[bytes], ending: Ending, warn: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            if text := line.decode(errors="replace").strip():
                ending.tail.append(text)
            if warning := WARNING.search(text):
                warn(warning[1])
