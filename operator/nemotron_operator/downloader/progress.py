"""Progress: how much is there, how fast it grows, how long the rest takes. One line every few seconds."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

INTERVAL_SECONDS = 5.0
"""How long it is quiet between two lines."""


@dataclass(frozen=True)
class Progress:
    """How far a download is."""

    held_bytes: int
    """What the volume holds, of this run and of earlier ones."""

    total_bytes: int
    """What it will hold."""

    bytes_per_second: int
    """The mean rate of this run."""

    @property
    def percent(self) -> int:
        """The share that is there, rounded down: 100 means all of it."""
        return 100 if not self.total_bytes else self.held_bytes * 100 // self.total_bytes

    @property
    def eta_seconds(self) -> int | None:
        """How long the rest takes at this rate; None while nothing arrives."""
        return (self.total_bytes - self.held_bytes) // self.bytes_per_second if self.bytes_per_second else None

    def render_json(self) -> str:
        """Render the line that the operator reads."""
        content = {
            "bytes": self.held_bytes,
            "totalBytes": self.total_bytes,
            "percent": self.percent,
            "bytesPerSecond": self.bytes_per_second,
            "etaSeconds": self.eta_seconds,
        }
        return json.dumps({"progress": content})

    def render_text(self) -> str:
        """Render the line that a person reads."""
        eta = "unknown" if self.eta_seconds is None else f"{self.eta_seconds} s"
        rate = self.bytes_per_second / 1e6
        return f"{self.percent}% ({self.held_bytes}/{self.total_bytes} bytes, {rate:.1f} MB/s, {eta} left)"


@contextmanager
def reported(
    measure: Callable[[], int], total_bytes: int, stream: TextIO, interval_seconds: float = INTERVAL_SECONDS
) -> Iterator[None]:
    """Report to the stream, from a thread, what `measure` says; no line comes after the context has ended."""
    stopped = threading.Event()
    arguments = (measure, total_bytes, stream, interval_seconds, stopped)
    thread = threading.Thread(target=_report, args=arguments, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _report(
    measure: Callable[[], int], total_bytes: int, stream: TextIO, interval_seconds: float, stopped: threading.Event
) -> None:
    """Print until stopped; JSON unless a person looks on."""
    first_bytes, started = measure(), time.monotonic()
    while not stopped.wait(interval_seconds):
        held = min(measure(), total_bytes)
        rate = max(held - first_bytes, 0) / (time.monotonic() - started)
        progress = Progress(held_bytes=held, total_bytes=total_bytes, bytes_per_second=int(rate))
        print(progress.render_text() if stream.isatty() else progress.render_json(), file=stream, flush=True)
