"""One process from its start to its end: seconds, CPU, and what it read."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError


@dataclass(frozen=True)
class TimedProcess:
    """What a process took."""

    seconds: float
    """From before its start until it had ended."""

    cpu_seconds: float
    """User and system time of it and its children."""

    disk_read_bytes: int
    """What came from the disk for it; nothing that lay in the page cache."""

    read_bytes: int
    """What it asked to read of files and sockets."""

    stdout: str
    """What it printed."""


def time_process(command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> TimedProcess:
    """Run a command to its end.

    Raises
    ------
    LabError
        If it fails; with the last line of its log.
    """
    with log.with_suffix(".out").open("w+b") as out, log.with_suffix(".err").open("w+b") as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        seconds = time.perf_counter() - started
        io = _read_io(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise LabError(f"`{command[0]}` ended with {process.returncode}: {_last_line(log.with_suffix('.err'))}")
    cpu_seconds = usage.ru_utime + usage.ru_stime
    stdout = log.with_suffix(".out").read_text()
    return TimedProcess(seconds, cpu_seconds, io["read_bytes"], io["rchar"], stdout)


def _read_io(pid: int) -> dict[str, int]:
    """Read what the kernel counted for a process that has ended and was not reaped yet."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
