"""Runtime: the queue between events and reconciles.

It knows keys and one function, not what the function does. Everything happens in one event loop, so a method without
`await` is atomic and no lock is needed.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import NamedTuple, Protocol

from nemotron_operator.runtime.clocks import loop_time
from nemotron_operator.runtime.log_context import about

Key = tuple[str, str]
"""Namespace and name of the object to work on."""

FIRST_BACKOFF_SECONDS = 0.05
"""The wait after a key's first failure. It doubles with each further one."""

MAX_BACKOFF_SECONDS = 60.0
"""Where doubling ends: a cause that has lasted for hours is still met within a minute of its end."""

MAX_DOUBLINGS = 20
"""More than the cap needs, few enough for a float."""

LASTING_FAILURES = 5
"""How many failures in a row are no accident: a conflict with another writer is over after one or two."""

EVENT_SHORTCUT = 0.1
"""The part of a backoff that an event cannot skip.

An event often means that the cause of the failure is gone, so waiting it all out would look dead to the person who
repaired it. But a failing run can cause events itself (it writes a status, a child flaps), so an event may not skip
the wait either: a storm would make the key run without pause. With a tenth, a repair is seen within 6 s at worst,
and under any storm the attempts still thin out as the backoff grows.
"""

RESYNC_TICKS = 60
"""How often per resync period the queue looks for keys whose visit is due."""

CANCEL_SECONDS = 1.0
"""How long a cancelled run may take to clean up after itself."""

_log = logging.getLogger(__name__)


class QueueObserver(Protocol):
    """What the queue tells about itself. Calls must be quick and must not raise."""

    def on_add(self) -> None:
        """Hear that a key began to wait for a worker. Every one is followed by `on_start`, unless the queue ends."""

    def on_start(self, waited_seconds: float) -> None:
        """Hear that a key's run starts, this long after it was asked for."""

    def on_done(self, seconds: float, error: BaseException | None, come_back_seconds: float | None) -> None:
        """Hear that a run ended: how long it took, why it failed, when it wants to come back."""


class SilentObserver(QueueObserver):
    """The observer of a queue that nobody watches."""


class _Appointment(NamedTuple):
    due: float
    timer: asyncio.TimerHandle


class _Failures(NamedTuple):
    in_a_row: int
    not_before: float


@dataclass(kw_only=True, eq=False)
class WorkQueue:
    """Run one function over keys: coalescing, serial per key, backing off, never forgetting a key.

    - A key waits at most once. Added while it runs, it runs once more afterwards.
    - Keys are served in the order in which they came, each failing key waits on its own timer, and a run that hangs
      is ended: no key delays the others.
    - A key has at most one appointment (from `add_after`, a result, or a backoff). The earliest wins, and beginning to
      wait for a worker cancels it: the run will say anew when it wants to come back.
    """

    work: Callable[[Key], Awaitable[float | None]]
    """One run. It returns the seconds after which it wants to come back, or None for "wake me by an event"."""

    known_keys: Callable[[], Iterable[Key]]
    """All keys that exist now; each of them comes round once per resync period."""

    random: Random
    """The source of jitter."""

    workers: int = 8
    """Runs at one time."""

    resync_seconds: float = 600.0
    """The period of the resync. A key's own is up to a tenth longer or shorter, and its first visit anywhere in it."""

    timeout_seconds: float = 300.0
    """A run that takes longer is cancelled and counts as failed, so that a hung one does not hold a worker for ever."""

    grace_seconds: float = 20.0
    """What a run gets after `stop()`. It must fit into the pod's termination grace period."""

    clock: Callable[[], float] = loop_time
    """Must keep the loop's pace: due times are computed with it, and kept by the loop's timers."""

    observer: QueueObserver = field(default_factory=SilentObserver)

    told_errors: tuple[type[Exception], ...] = ()
    """Errors whose text says everything: they are logged without a traceback."""

    _waiting: OrderedDict[Key, float] = field(init=False, default_factory=OrderedDict)
    _running: dict[Key, asyncio.Task[float | None]] = field(init=False, default_factory=dict)
    _again: dict[Key, float] = field(init=False, default_factory=dict)
    _appointments: dict[Key, _Appointment] = field(init=False, default_factory=dict)
    _failing: dict[Key, _Failures] = field(init=False, default_factory=dict)
    _settled: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _is_open: bool = field(init=False, default=False)

    @property
    def depth(self) -> int:
        """Count the keys that could run now and wait for a worker."""
        return len(self._waiting)

    def count_failing(self) -> int:
        """Count the keys whose last runs all failed, `LASTING_FAILURES` or more."""
        return sum(failures.in_a_row >= LASTING_FAILURES for failures in self._failing.values())

    def add(self, key: Key) -> None:
        """Ask for a run that starts after this call; while the key fails, `EVENT_SHORTCUT` says how soon."""
        self._ask(key, since=self.clock())

    def add_after(self, key: Key, seconds: float) -> None:
        """Ask for a run after some seconds, unless another one starts in between."""
        self._appoint(key, self.clock() + seconds)

    def stop(self) -> None:
        """Start nothing more, and let `run` return when what runs has finished or `grace_seconds` have passed."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until `stop()`. Being cancelled is the hard way: running work is cancelled at once."""
        self._is_open = not self._stopping.is_set()
        resync = asyncio.create_task(self._resync(), name="resync")
        self._dispatch()
        try:
            await self._stopping.wait()
            self._is_open = False
            await _wait(self._running.values(), self.grace_seconds)
        finally:
            self._is_open = False
            await self._end(resync)

    async def idle(self) -> None:
        """Wait until nothing waits and nothing runs. Keys that wait for their time do not count."""
        while self._waiting or self._running:
            self._settled.clear()
            await self._settled.wait()

    def _ask(self, key: Key, since: float) -> None:
        failures = self._failing.get(key)
        if key in self._running:
            self._again.setdefault(key, since)
        elif failures is not None and self.clock() < failures.not_before:
            self._appoint(key, failures.not_before)
        elif key not in self._waiting:
            self._waiting[key] = since
            self._cancel_appointment(key)
            self.observer.on_add()
            self._dispatch()

    def _appoint(self, key: Key, due: float) -> None:
        earlier = self._appointments.get(key)
        if key in self._waiting or (earlier is not None and earlier.due <= due):
            return
        self._cancel_appointment(key)
        timer = asyncio.get_running_loop().call_later(max(0.0, due - self.clock()), self._keep_appointment, key)
        self._appointments[key] = _Appointment(due, timer)

    def _keep_appointment(self, key: Key) -> None:
        del self._appointments[key]
        self.add(key)

    def _cancel_appointment(self, key: Key) -> None:
        if appointment := self._appointments.pop(key, None):
            appointment.timer.cancel()

    def _dispatch(self) -> None:
        while self._is_open and self._waiting and len(self._running) < self.workers:
            key, since = self._waiting.popitem(last=False)
            started = self.clock()
            self.observer.on_start(started - since)
            task = asyncio.create_task(self._attempt(key), name=f"work on {'/'.join(key)}")
            self._running[key] = task
            # A callback and not a `finally` in the task: it also hears of a task that is cancelled before it begins.
            task.add_done_callback(partial(self._finish, key, started))

    async def _attempt(self, key: Key) -> float | None:
        with about(*key):
            async with asyncio.timeout(self.timeout_seconds):
                return await self.work(key)

    def _finish(self, key: Key, started: float, task: asyncio.Task[float | None]) -> None:
        del self._running[key]
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        come_back_seconds = task.result() if error is None else None
        self.observer.on_done(self.clock() - started, error, come_back_seconds)
        if error is None:
            self._failing.pop(key, None)
        # While the queue is open nobody cancels a run but the run itself (a client library that leaks its own
        # cancellation): that is a failure like any other, and the key must not get lost by it.
        elif self._is_open or not task.cancelled():
            self._back_off(key, error)
        if come_back_seconds is not None:
            self.add_after(key, come_back_seconds)
        if (since := self._again.pop(key, None)) is not None:
            self._ask(key, since)
        self._dispatch()
        if not self._waiting and not self._running:
            self._settled.set()

    def _back_off(self, key: Key, error: BaseException) -> None:
        count = self._failing[key].in_a_row + 1 if key in self._failing else 1
        longest = min(FIRST_BACKOFF_SECONDS * 2 ** min(count - 1, MAX_DOUBLINGS), MAX_BACKOFF_SECONDS)
        backoff = longest * self.random.uniform(0.5, 1)
        now = self.clock()
        self._failing[key] = _Failures(count, not_before=now + backoff * EVENT_SHORTCUT)
        self._appoint(key, now + backoff)
        with about(*key):
            self._log_failure(key, error, count, backoff)

    def _log_failure(self, key: Key, error: BaseException, count: int, backoff: float) -> None:
        if isinstance(error, self.told_errors):
            _log.warning("Work on %s/%s failed: %s Next try in %.2f s.", *key, error, backoff)
        elif count == 1:
            _log.error("Work on %s/%s failed; next try in %.2f s", *key, backoff, exc_info=error)
        else:
            _log.error("Work on %s/%s failed %d times in a row: %r; next try in %.2f s", *key, count, error, backoff)

    async def _resync(self) -> None:
        visits: dict[Key, float] = {}
        while True:
            try:
                visits = self._visit(visits)
            except Exception:  # noqa: BLE001 - see below
                # The resync is the net under everything else: it may miss a tick, it may not end.
                _log.exception("The resync could not list its keys; next try at the next tick")
            await asyncio.sleep(self.resync_seconds / RESYNC_TICKS)

    def _visit(self, visits: dict[Key, float]) -> dict[Key, float]:
        """Add the known keys whose time has come, and tell when each is due next; unknown keys drop out."""
        now = self.clock()
        upcoming: dict[Key, float] = {}
        for key in self.known_keys():
            due = visits.get(key)
            if due is None:
                due = now + self.random.uniform(0, self.resync_seconds)
            elif due <= now:
                self.add(key)
                due = now + self.random.uniform(0.9, 1.1) * self.resync_seconds
            upcoming[key] = due
        return upcoming

    async def _end(self, resync: asyncio.Task[None]) -> None:
        leftovers: list[asyncio.Task[float | None] | asyncio.Task[None]] = [resync, *self._running.values()]
        for task in leftovers:
            task.cancel()
        for deaf in await _wait(leftovers, CANCEL_SECONDS):
            _log.error("%s ignores its cancellation and is left behind", deaf.get_name())
        for key in list(self._appointments):
            self._cancel_appointment(key)


async def _wait(
    tasks: Iterable[asyncio.Task[float | None] | asyncio.Task[None]], seconds: float
) -> set[asyncio.Task[float | None] | asyncio.Task[None]]:
    """Wait for tasks, and tell which are not done in time. `asyncio.wait` itself refuses an empty set."""
    unfinished = set(tasks)
    return (await asyncio.wait(unfinished, timeout=seconds))[1] if unfinished else unfinished
