"""Progress: how much is there, how fast it grows, how long the rest takes."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

RATE_SECONDS = 30.0
"""Over what time the rate is taken: long enough not to jump, short enough to show that a download stands still."""


@dataclass(frozen=True)
class Progress:
    """How far a download is."""

    held_bytes: int
    """What the volume holds, of this run and of earlier ones."""

    total_bytes: int
    """What it will hold."""

    bytes_per_second: int
    """The rate of late."""

    @property
    def percent(self) -> int:
        """The share that is there, rounded down: 100 means all of it."""
        return 100 if not self.total_bytes else self.held_bytes * 100 // self.total_bytes

    @property
    def eta_seconds(self) -> int | None:
        """How long the rest takes at this rate; None while nothing arrives."""
        return (self.total_bytes - self.held_bytes) // self.bytes_per_second if self.bytes_per_second else None

    def as_json(self) -> dict[str, Any]:
        """Name the fields as the operator reads them."""
        return {
            "bytes": self.held_bytes,
            "totalBytes": self.total_bytes,
            "percent": self.percent,
            "bytesPerSecond": self.bytes_per_second,
            "etaSeconds": self.eta_seconds,
        }


class Meter:
    """Reads the progress when somebody asks, and remembers for the rate what it read before."""

    def __init__(
        self, measure: Callable[[], int], total_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._measure = measure
        self._total_bytes = total_bytes
        self._clock = clock
        self._lock = Lock()
        self._readings: deque[tuple[float, int]] = deque([(clock(), self._held_bytes())])

    def read(self) -> Progress:
        """Measure now."""
        with self._lock:
            now, held_bytes = self._clock(), self._held_bytes()
            self._readings.append((now, held_bytes))
            # The oldest reading is the youngest one that is old enough, so that the rate is of the whole time at least.
            while now - self._readings[1][0] >= RATE_SECONDS:
                self._readings.popleft()
            then, before_bytes = self._readings[0]
        elapsed_seconds = now - then
        rate = max(held_bytes - before_bytes, 0) / elapsed_seconds if elapsed_seconds > 0 else 0
        return Progress(held_bytes, self._total_bytes, int(rate))

    def _held_bytes(self) -> int:
        return min(self._measure(), self._total_bytes)
