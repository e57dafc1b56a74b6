"""Run a long command: tell the person how far it is, and show the end of what it said when it fails."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.errors import LabError

PROGRESS_SECONDS = 10
"""How often a running command says how far it is."""

_ERROR_LINES = 20


def run_watched(
    command: Sequence[str],
    name: str,
    log: Path,
    say: Callable[[str], None],
    *,
    folder: Path | None = None,
) -> None:
    """Run the command until it ends; the last line that it printed is its progress."""
    started = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while not _has_ended(process):
                say(f"{name}: {time.monotonic() - started:.0f} s, {last_line(log)}")
        finally:
            process.kill()
    if process.returncode != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        shown = "\n".join(f"  {line}" for line in lines[-_ERROR_LINES:])
        raise LabError(f"{name}: `{command[0]}` failed.\n{shown}")


def last_line(log: Path) -> str:
    """Return the last line of a log that is being written, or what to say when there is none."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:100] if lines else "nothing said yet"


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=PROGRESS_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True
