"""What a hub does wrong when it is told to: answers, connections, rates, lengths and bytes."""

import math
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from lab.hub.messages import Answer

ALWAYS = 1 << 30
"""A number of times that no test reaches."""

PIECE_BYTES = 256 << 10
"""How much is written to the socket at once, and counted."""

DRIPS_PER_SECOND = 20
"""In how many pieces a second's bytes leave, where a file drips."""


@dataclass
class PlannedAnswer:
    """An answer that a test wants instead of the right one, a few times."""

    answer: Answer
    to: str
    times: int

    def take(self) -> Answer:
        """Answer one more time."""
        self.times -= 1
        return self.answer


@dataclass
class PlannedLimit:
    """A rate limit: after the first request nothing is answered until the time is over."""

    seconds: float
    to: str
    end: float | None = None
    """When it is over, by the monotonic clock; None before the first request."""

    @property
    def times(self) -> bool:
        """Whether it still holds."""
        return self.end is None or time.monotonic() < self.end

    def take(self) -> Answer:
        """Refuse, and say for how long."""
        if self.end is None:
            self.end = time.monotonic() + self.seconds
        left_seconds = max(math.ceil(self.end - time.monotonic()), 1)
        return Answer(HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(left_seconds)})


@dataclass(frozen=True)
class Delivery:
    """How the body of one answer goes out."""

    body: bytes | memoryview
    end_bytes: int
    """After how many bytes the connection is closed; the length of the body is none too early."""
    stall_bytes: int
    """After how many bytes nothing more comes until the hub is released."""
    bytes_per_second: int | None
    """How fast it goes; None is as fast as it can."""
    is_corrupt: bool
    """Whether the first byte is another one."""

    def pieces(self, released: threading.Event) -> Iterator[bytes | memoryview]:
        """Give the body in pieces; wait, or end early, where a fault was planned."""
        position = 0
        while position < self.end_bytes:
            if position == self.stall_bytes:
                released.wait()
            next_stop = self.stall_bytes if position < self.stall_bytes else self.end_bytes
            piece = self.body[position : min(position + self._piece_bytes(released), next_stop, self.end_bytes)]
            yield bytes([piece[0] ^ 1]) + piece[1:] if self.is_corrupt and not position else piece
            position += len(piece)

    def _piece_bytes(self, released: threading.Event) -> int:
        """Wait for the next drip; say how much may go at once."""
        if self.bytes_per_second is None or released.wait(1 / DRIPS_PER_SECOND):
            return PIECE_BYTES
        return max(self.bytes_per_second // DRIPS_PER_SECOND, 1)


class Faults:
    """The faults that were planned and did not happen yet."""

    def __init__(self) -> None:
        self.cuts_made: Counter[str] = Counter()
        """How many connections were closed in the middle of each file."""
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._planned: list[PlannedAnswer | PlannedLimit] = []
        self._cuts: defaultdict[str, list[int | random.Random]] = defaultdict(list)
        self._stalls: dict[str, int] = {}
        self._drips: dict[str, int] = {}
        self._corruptions: Counter[str] = Counter()
        self._lengths: dict[str, tuple[int, int]] = {}
        self._sizes: dict[str, int] = {}

    def answer(
        self, status: int, *, to: str = "/", times: int = ALWAYS, headers: Mapping[str, str] | None = None
    ) -> None:
        """Give this status to the next requests whose path has a part."""
        with self._lock:
            self._planned.append(PlannedAnswer(Answer(status, headers or {}), to, times))

    def limit_rate(self, seconds: float, *, to: str = "/") -> None:
        """Answer 429 for so long, from the next request on whose path has a part; Retry-After says how long still."""
        with self._lock:
            self._planned.append(PlannedLimit(seconds, to))

    def recover(self) -> None:
        """Answer rightly from now on, whatever was planned with `answer` and `limit_rate`."""
        with self._lock:
            self._planned.clear()

    def cut(self, file: str, after_bytes: int) -> None:
        """Close the connection once, in the middle of a file; each call is for one more fetch of the file."""
        self._cuts[file].append(after_bytes)

    def cut_at_random(self, file: str, times: int, seed: int) -> None:
        """Close the connection at any byte of what is asked for, each of the next times that a file is fetched."""
        self._cuts[file].extend([random.Random(f"{seed} {file}")] * times)  # noqa: S311 - a fault is no secret

    def stall(self, file: str, after_bytes: int) -> None:
        """Stop sending in the middle of a file until `release` is called: once."""
        self._stalls[file] = after_bytes

    def drip(self, file: str, bytes_per_second: int) -> None:
        """Send a file no faster than this until `release` is called."""
        self._drips[file] = bytes_per_second

    def release(self) -> None:
        """Send the rest of what stalls or drips, and let nothing stall or drip any more."""
        self._released.set()

    def corrupt(self, file: str, times: int = 1) -> None:
        """Change a byte of a file, each of the next times that it is fetched."""
        self._corruptions[file] += times

    def misstate_length(self, file: str, by_bytes: int, times: int = 1) -> None:
        """Say a Content-Length that differs from the body's; if it is smaller, send no more than it says."""
        self._lengths[file] = (by_bytes, times)

    def misstate_size(self, file: str, by_bytes: int) -> None:
        """Say in every description that a file has more or fewer bytes than it has, from now on."""
        self._sizes[file] = by_bytes

    def _planned_answer(self, path: str) -> Answer | None:
        """Give what a test wants to be answered; the caller holds the lock."""
        return next((planned.take() for planned in self._planned if planned.times and planned.to in path), None)

    def _misstated(self, answer: Answer) -> Answer:
        """Put the wrong length on an answer with a file's body, if that was planned; the caller holds the lock."""
        by_bytes, times = self._lengths.get(answer.file or "", (0, 0))
        if answer.file is None or not times:
            return answer
        self._lengths[answer.file] = (by_bytes, times - 1)
        return replace(answer, body=answer.body[: by_bytes if by_bytes < 0 else None], misstated_bytes=max(by_bytes, 0))

    def _delivery(self, answer: Answer) -> Delivery:
        """Plan how a body goes out."""
        size_bytes = len(answer.body)
        if answer.file is None:
            return Delivery(answer.body, size_bytes, size_bytes, bytes_per_second=None, is_corrupt=False)
        with self._lock:
            is_corrupt = self._corruptions[answer.file] > 0
            self._corruptions[answer.file] -= is_corrupt
            return Delivery(
                body=answer.body,
                end_bytes=self._next_cut(answer.file, size_bytes),
                stall_bytes=self._stalls.pop(answer.file, size_bytes),
                bytes_per_second=self._drips.get(answer.file),
                is_corrupt=is_corrupt,
            )

    def _next_cut(self, file: str, size_bytes: int) -> int:
        if not self._cuts[file] or not size_bytes:
            return size_bytes
        cut = self._cuts[file].pop(0)
        end_bytes = cut.randrange(size_bytes) if isinstance(cut, random.Random) else min(cut, size_bytes)
        self.cuts_made[file] += end_bytes < size_bytes
        return end_bytes
