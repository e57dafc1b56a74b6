"""Runtime: one active replica, by a `coordination.k8s.io/v1` Lease.

The rules are client-go's. Time is judged by this process's monotonic clock alone: another's record is stale when it has
not *changed* for its duration as seen from here, whatever its timestamps say. A leader is sure of itself only until
`renew_deadline_seconds` after the moment in which its last successful renewal was *sent*; another can take over
`lease_seconds` after that moment at the earliest. What lies in between is the margin for a write that is under way.

One gap is left, as in client-go: whoever deletes the Lease by hand takes away the proof that somebody leads. A process
that starts at that moment creates a new one and leads, and the old leader learns it at its next renewal.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from nemotron_operator.runtime.clocks import utc_now

Lease = dict[str, Any]
"""A Lease as the API gives it. `metadata` is the store's affair; the elector only hands it back."""

_log = logging.getLogger(__name__)


class LeaseConflictError(Exception):
    """Somebody else wrote the Lease since it was read, or created it first: the API's 409."""


class LeadershipLostError(Exception):
    """Leading ended against our will. The process must exit: what it was about to write is no longer its to write."""


class LeaseStore(Protocol):
    """Access to one Lease. Any exception but a conflict means "not known whether it was done"."""

    async def read(self) -> Lease | None:
        """Get the Lease past every cache, or None if there is none."""

    async def create(self, lease: Lease) -> Lease:
        """Create the Lease; the store fills in its name and namespace. Raise `LeaseConflictError` if it exists."""

    async def replace(self, lease: Lease) -> Lease:
        """Replace the Lease with its resourceVersion as the condition. Raise `LeaseConflictError` if that is old."""


@dataclass(eq=False)
class LeaderElector:
    """Lead when the Lease is free, keep renewing, and know at every moment whether leading is still certain."""

    store: LeaseStore
    identity: str
    """Unique per process, not only per pod name: two processes with one identity would both lead."""

    lease_seconds: int = 15
    renew_deadline_seconds: float = 10.0
    retry_seconds: float = 2.0

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now
    """The wall clock, for the timestamps that people read in the Lease. No decision uses it."""

    _record: dict[str, Any] = field(init=False, default_factory=dict)
    _changed_at: float = field(init=False, default=-math.inf)
    _renewed_at: float = field(init=False, default=-math.inf)

    def __post_init__(self) -> None:
        if not self.retry_seconds < self.renew_deadline_seconds < self.lease_seconds:
            raise ValueError(
                f"retry_seconds {self.retry_seconds} must be less than renew_deadline_seconds"
                f" {self.renew_deadline_seconds}, and that less than lease_seconds {self.lease_seconds}"
            )

    @property
    def holder(self) -> str:
        """Tell who holds the Lease as far as known here; empty when nobody does."""
        return str(self._record.get("holderIdentity") or "")

    def is_leader(self) -> bool:
        """Tell whether nobody else can be leading now: the fence to check immediately before each write.

        It needs no network and no turn of the loop, so it is false at once in a process that was stopped for a while.
        """
        return self._certain_seconds() > 0

    async def run(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for the Lease, run `lead`, and renew until it returns.

        To stop gracefully, let `lead` return, and `release` afterwards. Cancelling this cancels `lead` and renews no
        more: then `lead` has until the Lease grows stale, and may write until the renew deadline.

        Raises
        ------
        LeadershipLostError
            When leading is no longer certain. `lead` was cancelled and has had the margin to end.
        """
        await self._acquire()
        _log.info("%s leads now", self.identity)
        leading = asyncio.create_task(lead(), name="leading")
        try:
            await self._renew_until_done(leading)
            await leading
        finally:
            if not leading.done():
                await self._cancel(leading)
            self._renewed_at = -math.inf

    async def release(self) -> None:
        """Give the Lease back, so that the next leader need not wait for it to grow stale.

        Call it when nothing writes any more: another may lead as soon as this has been sent. It may fail, for then the
        Lease grows stale.
        """
        self._renewed_at = -math.inf
        await self._try(self._give_back)

    async def _acquire(self) -> None:
        while True:
            await self._try(self._take_if_free)
            if self.is_leader():
                return
            await asyncio.sleep(self.retry_seconds)

    async def _renew_until_done(self, leading: asyncio.Task[None]) -> None:
        while not leading.done():
            if not self.is_leader():
                raise LeadershipLostError(f"{self.identity} may lead no longer: the Lease is {self._last_seen()}")
            await asyncio.wait({leading}, timeout=min(self.retry_seconds, self._certain_seconds()))
            # Asked again after the wait: a process that was stopped in it must not renew as if nothing had happened.
            if not leading.done() and self.is_leader():
                await self._try(self._renew)

    async def _cancel(self, leading: asyncio.Task[None]) -> None:
        """Cancel what runs as the leader, and wait for its end as long as nobody else can lead."""
        leading.cancel()
        margin = self.lease_seconds - self.renew_deadline_seconds
        await asyncio.wait({leading}, timeout=max(0.0, self._certain_seconds()) + margin)
        if not leading.done():
            _log.critical("What ran as the leader ignores its cancellation; only the end of the process stops it")
        elif not leading.cancelled() and (error := leading.exception()) is not None:
            _log.error("What ran as the leader failed while it was cancelled", exc_info=error)

    async def _try(self, step: Callable[[], Awaitable[None]]) -> None:
        """Talk to the store once. Whatever goes wrong, the next try starts with reading what is there."""
        # Half of the deadline, so that one connection that hangs leaves time for another try.
        limit = self.renew_deadline_seconds / 2
        if self.is_leader():
            limit = min(limit, self._certain_seconds())
        try:
            async with asyncio.timeout(limit):
                await step()
        except LeaseConflictError:
            _log.info("Somebody else wrote the Lease first")
        except Exception as error:  # noqa: BLE001 - no failure of the API may end the elector
            _log.warning("The Lease could not be read or written: %r", error)

    async def _take_if_free(self) -> None:
        lease = await self.store.read()
        if lease is not None:
            self._observe(lease)
        # Also asked when there is no Lease: a holder whose Lease was deleted leads on until its deadline.
        if not self._is_free():
            return
        if lease is None:
            await self._write(self.store.create, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"})
        else:
            await self._write(self.store.replace, lease)

    async def _renew(self) -> None:
        lease = await self.store.read()
        if lease is not None:
            self._observe(lease)
        # Nothing but our own name proves that nobody led in between: not even an empty one, which could be claimed.
        if lease is None or self.holder != self.identity:
            self._renewed_at = -math.inf
        else:
            await self._write(self.store.replace, lease)

    async def _give_back(self) -> None:
        lease = await self.store.read()
        if lease is None:
            return
        self._observe(lease)
        if self.holder == self.identity:
            spec = {**self._record, "holderIdentity": "", "renewTime": micro_time(self.now())}
            self._observe(await self.store.replace({**lease, "spec": spec}))

    async def _write(self, send: Callable[[Lease], Awaitable[Lease]], lease: Lease) -> None:
        # The time before sending, not after: others count from a moment between the two.
        sent_at = self.clock()
        self._observe(await send({**lease, "spec": self._claim(lease.get("spec") or {})}))
        self._renewed_at = sent_at

    def _claim(self, old: dict[str, Any]) -> dict[str, Any]:
        is_mine = old.get("holderIdentity") == self.identity
        now = micro_time(self.now())
        return {
            **old,
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self.lease_seconds,
            "acquireTime": old.get("acquireTime", now) if is_mine else now,
            "renewTime": now,
            "leaseTransitions": (old.get("leaseTransitions") or 0) + (1 if old and not is_mine else 0),
        }

    def _observe(self, lease: Lease) -> None:
        # Called after the answer has arrived, so that a change is never dated before it happened.
        record = lease.get("spec") or {}
        if record == self._record:
            return
        previous, self._record, self._changed_at = self.holder, record, self.clock()
        if self.holder != previous:
            _log.info("The Lease went from %r to %r", previous, self.holder)

    def _is_free(self) -> bool:
        if self.holder in {"", self.identity}:
            return True
        # A holder with other settings (an older release) keeps to its own: the longer of the two is safe for both.
        duration = max(self.lease_seconds, self._record.get("leaseDurationSeconds") or 0)
        return self.clock() >= self._changed_at + duration

    def _last_seen(self) -> str:
        return f"held by {self.holder!r}" if self.holder != self.identity else "not renewed in time, or deleted"

    def _certain_seconds(self) -> float:
        return self._renewed_at + self.renew_deadline_seconds - self.clock()


def micro_time(moment: datetime) -> str:
    """Write a moment as Kubernetes' MicroTime: always six digits, always Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
