"""Runtime: how late the event loop is.

A call that blocks delays everything in the process, and nothing else shows it: no error, no log line.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from nemotron_operator.runtime.clocks import loop_time


def _ignore(_lag_seconds: float) -> None:
    pass


@dataclass(eq=False)
class LoopLagMonitor:
    """Sleep again and again, and measure how much too late each sleep ends."""

    interval_seconds: float = 0.5
    limit_seconds: float = 5.0
    """The lag with which the process no longer counts as healthy."""

    observe: Callable[[float], None] = _ignore
    """Called with each measurement, for a histogram: a gauge would miss what happens between two scrapes."""

    clock: Callable[[], float] = loop_time

    _measured_seconds: float = field(init=False, default=0.0)
    _due: float | None = field(init=False, default=None)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due = self.clock() + self.interval_seconds
            await asyncio.sleep(self.interval_seconds)
            self._measured_seconds = max(0.0, self.clock() - self._due)
            self.observe(self._measured_seconds)

    @property
    def lag_seconds(self) -> float:
        """Tell the last measured lag, or the current sleep's if that is worse already.

        The second part is for whoever has its turn between a stall and the monitor, and for a monitor that has died.
        """
        overdue_seconds = 0.0 if self._due is None else self.clock() - self._due
        return max(self._measured_seconds, overdue_seconds)

    def healthy(self) -> str | None:
        """Say what is wrong, or None: a check for `HttpServer`."""
        if self.lag_seconds < self.limit_seconds:
            return None
        return f"The event loop is {self.lag_seconds:.1f} s late; {self.limit_seconds:.1f} s is the limit."
