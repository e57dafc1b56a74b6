import asyncio
from contextlib import suppress
from dataclasses import dataclass

from nemotron_operator.runtime.clocks import loop_time
from nemotron_operator.runtime.loop_lag import LoopLagMonitor


@dataclass
class StallingClock:
    """The loop's clock, and what a call that blocks has cost on top."""

    stalled_seconds: float = 0.0

    def __call__(self) -> float:
        return loop_time() + self.stalled_seconds


async def test_a_loop_in_time_has_no_lag() -> None:
    monitor = LoopLagMonitor()
    running = asyncio.create_task(monitor.run())
    await asyncio.sleep(10)
    assert 0 == monitor.lag_seconds
    assert monitor.healthy() is None
    await end(running)


async def test_a_monitor_that_has_not_begun_has_no_lag() -> None:
    assert 0 == LoopLagMonitor().lag_seconds


async def test_a_stall_is_measured_reported_and_forgotten_after_the_next_sleep_in_time() -> None:
    clock = StallingClock()
    measured: list[float] = []
    monitor = LoopLagMonitor(interval_seconds=0.5, clock=clock, observe=measured.append)
    running = asyncio.create_task(monitor.run())
    await asyncio.sleep(0.25)
    clock.stalled_seconds += 6
    await asyncio.sleep(0.5)
    assert 6 == monitor.lag_seconds
    assert "The event loop is 6.0 s late; 5.0 s is the limit." == monitor.healthy()
    await asyncio.sleep(0.5)
    assert monitor.healthy() is None
    assert [6, 0] == measured
    await end(running)


async def test_a_stall_shows_before_the_monitor_has_had_its_turn() -> None:
    clock = StallingClock()
    monitor = LoopLagMonitor(interval_seconds=0.5, clock=clock)
    running = asyncio.create_task(monitor.run())
    await asyncio.sleep(0.25)
    clock.stalled_seconds += 6
    assert 5.75 == monitor.lag_seconds
    await end(running)


async def test_a_monitor_that_died_does_not_report_good_health_for_ever() -> None:
    monitor = LoopLagMonitor()
    running = asyncio.create_task(monitor.run())
    await asyncio.sleep(1)
    await end(running)
    await asyncio.sleep(60)
    assert monitor.healthy() is not None


async def end(running: asyncio.Task[None]) -> None:
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
