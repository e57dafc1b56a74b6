"""One unfinished file while it grows: every byte goes to the volume at once, and too few bytes end the attempt."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from nemotron_operator.downloader.errors import StoppedError, TooLongError, TooSlowError
from nemotron_operator.volume.piece import size_of


@dataclass(frozen=True)
class SpeedLimit:
    """The least that a connection has to bring, as `curl --speed-limit --speed-time` have it."""

    bytes_per_second: int = 10_000
    """The mean rate below which a connection counts as broken."""

    window_seconds: float = 30.0
    """How long the rate has to be so low. A connection that brings nothing at all ends earlier, by its timeout."""


class PieceFile:
    """The unfinished file, open for one attempt.

    Parameters
    ----------
    announced_bytes
        How long the whole file is; None takes whatever comes.
    """

    def __init__(
        self,
        path: Path,
        stopped: threading.Event,
        limit: SpeedLimit,
        clock: Callable[[], float] = time.monotonic,
        announced_bytes: int | None = None,
    ) -> None:
        self.path = path
        """Where it lies."""
        self.discarded_bytes = 0
        """How much of it was thrown away."""
        self._announced_bytes = announced_bytes
        self._stopped = stopped
        self._limit = limit
        self._clock = clock
        self._window_began = clock()
        self._window_bytes = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def size_bytes(self) -> int:
        """How much is there, whoever wrote it."""
        return size_of(self.path)

    def write(self, data: bytes) -> None:
        """Append what arrived.

        Raises
        ------
        TooSlowError
            Less arrives than the limit.
        TooLongError
            More came than was announced: a server that never ends would fill the volume.
        StoppedError
            The run ends for another cause.
        """
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        if self._stopped.is_set():
            raise StoppedError
        if self._announced_bytes is not None and self._file.tell() > self._announced_bytes:
            raise TooLongError
        self._watch(len(data))

    def restart(self) -> None:
        """Throw away what is there."""
        self.discarded_bytes += self.size_bytes
        os.ftruncate(self._file.fileno(), 0)

    def _watch(self, arrived_bytes: int) -> None:
        self._window_bytes += arrived_bytes
        elapsed_seconds = self._clock() - self._window_began
        if elapsed_seconds < self._limit.window_seconds:
            return
        if self._window_bytes < self._limit.bytes_per_second * elapsed_seconds:
            raise TooSlowError(
                f"{self._window_bytes} bytes of {self.path.name} came in {elapsed_seconds:.0f} s, less than "
                f"{self._limit.bytes_per_second} bytes a second."
            )
        self._window_began += elapsed_seconds
        self._window_bytes = 0
