import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from typing_extensions import override

from nemotron_operator.runtime.clocks import loop_time
from nemotron_operator.runtime.work_queue import (
    EVENT_SHORTCUT,
    FIRST_BACKOFF_SECONDS,
    LASTING_FAILURES,
    MAX_BACKOFF_SECONDS,
    Key,
    WorkQueue,
)

A: Key = ("team", "a")
B: Key = ("team", "b")
C: Key = ("team", "c")


class Runs:
    """Work that notes its runs and ends as told: with seconds to come back, None, or an exception."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds: dict[Key, float] = defaultdict(lambda: seconds)
        self.outcomes: dict[Key, float | BaseException | None] = {}
        self.started: list[tuple[float, Key]] = []
        self.finished: list[tuple[float, Key]] = []
        self.cancelled: list[tuple[float, Key]] = []

    async def __call__(self, key: Key) -> float | None:
        self.started.append((loop_time(), key))
        try:
            await asyncio.sleep(self.seconds[key])
        except asyncio.CancelledError:
            self.cancelled.append((loop_time(), key))
            raise
        self.finished.append((loop_time(), key))
        outcome = self.outcomes.get(key)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def starts(self, key: Key) -> list[float]:
        return [at for at, started in self.started if started == key]


class LongestWait(Random):
    """Jitter that always takes the upper bound."""

    @override
    def uniform(self, a: float, b: float) -> float:
        return b


def seeded_random() -> Random:
    return Random(1)  # noqa: S311 - jitter, no secret


def a_queue(
    work: Callable[[Key], Awaitable[float | None]],
    known_keys: Iterable[Key] = (),
    **options: Any,  # noqa: ANN401 - the queue's own arguments
) -> WorkQueue:
    return WorkQueue(work=work, known_keys=lambda: known_keys, **{"random": LongestWait(), **options})


@asynccontextmanager
async def serving(queue: WorkQueue) -> AsyncIterator[asyncio.Task[None]]:
    serving = asyncio.create_task(queue.run())
    await asyncio.sleep(0)
    try:
        yield serving
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def test_an_added_key_runs_at_once() -> None:
    runs = Runs()
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await queue.idle()
    assert [(0.0, A)] == runs.started


async def test_keys_added_before_the_queue_serves_are_not_lost() -> None:
    runs = Runs()
    queue = a_queue(runs)
    queue.add(A)
    async with serving(queue):
        await queue.idle()
    assert [(0.0, A)] == runs.started


async def test_a_key_waits_at_most_once() -> None:
    runs = Runs(seconds=1)
    queue = a_queue(runs, workers=1)
    async with serving(queue):
        queue.add(A)
        for _ in range(10):
            queue.add(B)
        assert 1 == queue.depth
        await queue.idle()
    assert [(0, A), (1, B)] == runs.started


async def test_a_key_added_while_it_runs_runs_once_more_afterwards() -> None:
    runs = Runs(seconds=1)
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(0.5)
        queue.add(A)
        queue.add(A)
        await queue.idle()
    assert [(0, A), (1, A)] == runs.started


async def test_keys_run_in_the_order_in_which_they_came_as_many_as_there_are_workers() -> None:
    runs = Runs(seconds=1)
    queue = a_queue(runs, workers=2)
    async with serving(queue):
        for key in (C, A, B):
            queue.add(key)
        await queue.idle()
    assert [(0, C), (0, A), (1, B)] == runs.started


async def test_a_key_that_runs_again_queues_behind_the_others() -> None:
    runs = Runs(seconds=1)
    queue = a_queue(runs, workers=1)
    async with serving(queue):
        for key in (A, B, A):
            queue.add(key)
        await queue.idle()
    assert [(0, A), (1, B), (2, A)] == runs.started


async def test_a_failing_key_backs_off_twice_as_long_each_time_up_to_a_minute() -> None:
    runs = Runs()
    runs.outcomes[A] = ValueError("no")
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(1500)
    starts = runs.starts(A)
    waits = [later - earlier for earlier, later in pairwise(starts)]
    assert pytest.approx([0.05 * 2**n for n in range(11)] + [60, 60]) == waits[:13]


async def test_jitter_shortens_a_backoff_to_half_at_most() -> None:
    runs = Runs()
    keys = [("team", str(number)) for number in range(50)]
    queue = a_queue(runs, random=seeded_random())
    async with serving(queue):
        for key in keys:
            runs.outcomes[key] = ValueError("no")
            queue.add(key)
        await asyncio.sleep(0.06)
    seconds = sorted(runs.starts(key)[1] for key in keys)
    assert seconds[0] >= 0.025
    assert seconds[-1] <= 0.05
    assert seconds[-1] - seconds[0] > 0.02


async def test_backing_off_for_a_day_neither_overflows_nor_grows() -> None:
    runs = Runs()
    runs.outcomes[A] = ValueError("no")
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(86400)
    assert 60 == pytest.approx(runs.starts(A)[-1] - runs.starts(A)[-2])


async def test_a_success_resets_the_backoff() -> None:
    runs = Runs()
    runs.outcomes[A] = ValueError("no")
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(100)
        runs.outcomes[A] = None
        await asyncio.sleep(300)
        runs.outcomes[A] = ValueError("again")
        queue.add(A)
        await asyncio.sleep(0.06)
    starts = runs.starts(A)
    assert pytest.approx([400, 400.05]) == starts[-2:]


async def test_the_first_failure_is_logged_with_its_traceback_and_the_next_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = Runs()
    runs.outcomes[A] = ValueError("no such model")
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(0.06)
    first, second = caplog.records
    assert (logging.ERROR, "Work on team/a failed; next try in 0.05 s") == (first.levelno, first.message)
    assert "Traceback" in (first.exc_text or "")
    expected = "Work on team/a failed 2 times in a row: ValueError('no such model'); next try in 0.10 s"
    assert (logging.ERROR, expected, None) == (second.levelno, second.message, second.exc_info)


async def test_an_event_shortens_a_backoff_but_never_below_its_tenth() -> None:
    runs = Runs()
    runs.outcomes[A] = ValueError("no")
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(200)
        (*_, last) = runs.starts(A)
        backoff = 0.05 * 2 ** (len(runs.starts(A)) - 1)
        queue.add(A)
        await asyncio.sleep(0)
        expected = max(200.0, last + EVENT_SHORTCUT * backoff)
        await asyncio.sleep(0.001)
    assert expected == pytest.approx(runs.starts(A)[-1])


async def test_a_failing_key_in_an_event_storm_still_tries_ever_less_often() -> None:
    runs = Runs()
    runs.outcomes[A] = ValueError("no")
    queue = a_queue(runs)
    async with serving(queue):
        for _ in range(36000):
            queue.add(A)
            await asyncio.sleep(0.1)
    in_the_last_half_hour = [at for at in runs.starts(A) if at > 1800]
    assert 1800 / (60 * EVENT_SHORTCUT) == pytest.approx(len(in_the_last_half_hour), abs=5)


async def test_a_key_added_during_a_run_that_fails_backs_off_all_the_same() -> None:
    runs = Runs(seconds=1)
    runs.outcomes[A] = ValueError("no")
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(0.5)
        queue.add(A)
        await asyncio.sleep(1)
    assert pytest.approx([0, 1 + 0.05 * EVENT_SHORTCUT]) == runs.starts(A)


async def test_a_key_that_is_repaired_runs_at_once_on_an_event() -> None:
    runs = Runs()
    runs.outcomes[A] = ValueError("no")
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(0.01)
        runs.outcomes[A] = None
        queue.add(A)
        await queue.idle()
        queue.add(A)
        await queue.idle()
        await asyncio.sleep(400)
    assert pytest.approx([0, 0.01, 0.01]) == runs.starts(A)


async def test_a_poisoned_key_delays_nobody() -> None:
    runs = Runs()
    runs.outcomes[A] = ValueError("no")
    queue = a_queue(runs, workers=1)
    async with serving(queue):
        for _ in range(1000):
            queue.add(A)
            queue.add(B)
            await queue.idle()
            await asyncio.sleep(0.01)
    assert pytest.approx([n * 0.01 for n in range(1000)]) == runs.starts(B)


async def test_a_run_that_hangs_is_ended_and_gives_its_worker_back() -> None:
    runs = Runs()
    runs.seconds[A] = 1e9
    queue = a_queue(runs, workers=1, timeout_seconds=30)
    async with serving(queue):
        queue.add(A)
        queue.add(B)
        await asyncio.sleep(30.04)
    assert [(0, A), (30, B)] == runs.started


async def test_a_run_that_cancels_itself_counts_as_failed() -> None:
    runs = Runs()
    runs.outcomes[A] = asyncio.CancelledError()
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(0.06)
    assert pytest.approx([0, 0.05]) == runs.starts(A)


async def test_a_key_comes_back_when_its_run_said_so() -> None:
    runs = Runs()
    runs.outcomes[A] = 30
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(100)
    assert [0, 30, 60, 90] == runs.starts(A)


async def test_an_earlier_add_takes_the_place_of_coming_back() -> None:
    runs = Runs()
    runs.outcomes[A] = 30
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(20)
        queue.add(A)
        await asyncio.sleep(40)
    assert [0, 20, 50] == runs.starts(A)


async def test_of_two_appointments_the_earlier_is_kept() -> None:
    runs = Runs()
    queue = a_queue(runs)
    async with serving(queue):
        queue.add_after(A, 20)
        queue.add_after(A, 10)
        queue.add_after(A, 30)
        await asyncio.sleep(100)
    assert [10] == runs.starts(A)


async def test_coming_back_later_is_forgotten_when_the_key_is_about_to_run() -> None:
    runs = Runs(seconds=1)
    queue = a_queue(runs, workers=1)
    async with serving(queue):
        queue.add(A)
        queue.add(B)
        queue.add_after(B, 60)
        await asyncio.sleep(100)
    assert [1] == runs.starts(B)


async def test_no_key_wakes_up_in_a_queue_that_has_ended() -> None:
    queue = a_queue(Runs())
    async with serving(queue):
        queue.add_after(A, 10)
    await asyncio.sleep(20)
    assert 0 == queue.depth


async def test_waiting_for_idleness_goes_on_when_work_comes_at_the_last_moment() -> None:
    runs = Runs(seconds=1)
    loop = asyncio.get_running_loop()

    async def work(key: Key) -> None:
        await runs(key)
        if len(runs.started) == 1:
            # Two turns of the loop later: after the run was counted as done, and before the one who waits hears it.
            loop.call_soon(loop.call_soon, queue.add, key)

    queue = a_queue(work)
    async with serving(queue):
        queue.add(A)
        await queue.idle()
    assert 2 == len(runs.finished)


async def test_a_key_that_waits_for_its_time_does_not_count_as_work() -> None:
    queue = a_queue(Runs())
    async with serving(queue):
        queue.add_after(A, 20)
        await queue.idle()
        assert 0 == loop_time()
        assert 0 == queue.depth


async def test_every_known_key_comes_round_in_each_period_even_if_no_event_ever_named_it() -> None:
    runs = Runs()
    keys = [("team", str(number)) for number in range(100)]
    queue = a_queue(runs, known_keys=keys, random=seeded_random())
    async with serving(queue):
        await asyncio.sleep(7200)
    for key in keys:
        starts = [0.0, *runs.starts(key), 7200.0]
        longest_gap = max(later - earlier for earlier, later in pairwise(starts))
        assert longest_gap <= 1.1 * 600 + 10
        assert 10 <= len(runs.starts(key)) <= 14


async def test_the_resync_is_spread_over_its_period() -> None:
    runs = Runs()
    keys = [("team", str(number)) for number in range(1000)]
    queue = a_queue(runs, known_keys=keys, random=seeded_random())
    async with serving(queue):
        await asyncio.sleep(3600)
    per_tick: dict[int, int] = defaultdict(int)
    for at, _ in runs.started:
        per_tick[round(at)] += 1
    assert max(per_tick.values()) < 5 * 1000 / 60


async def test_the_resync_visits_new_keys_and_forgets_those_that_are_gone() -> None:
    runs = Runs()
    keys = {A}
    queue = a_queue(runs, known_keys=keys)
    async with serving(queue):
        await asyncio.sleep(1000)
        keys.remove(A)
        keys.add(B)
        runs.started.clear()
        await asyncio.sleep(1000)
    assert {B} == {key for _, key in runs.started}


async def test_the_resync_survives_keys_that_cannot_be_listed(caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs()

    def known_keys() -> list[Key]:
        if loop_time() < 100:
            raise RuntimeError("the cache is being rebuilt")
        return [A]

    queue = WorkQueue(work=runs, known_keys=known_keys, random=LongestWait())
    async with serving(queue):
        await asyncio.sleep(800)
    assert 1 == len(runs.starts(A))
    assert "The resync could not list its keys; next try at the next tick" in caplog.messages


async def test_stopping_lets_running_work_finish_and_starts_nothing_more() -> None:
    runs = Runs(seconds=5)
    queue = a_queue(runs, workers=1)
    async with serving(queue) as served:
        queue.add(A)
        queue.add(B)
        await asyncio.sleep(1)
        queue.stop()
        await served
    assert [(5, A)] == runs.finished
    assert [(0, A)] == runs.started


async def test_stopping_waits_no_longer_than_the_grace_period() -> None:
    runs = Runs(seconds=1000)
    queue = a_queue(runs, grace_seconds=20)
    async with serving(queue) as served:
        queue.add(A)
        await asyncio.sleep(1)
        queue.stop()
        await served
    assert [(21, A)] == runs.cancelled


async def test_cancelling_the_queue_cancels_running_work_at_once_and_logs_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = Runs(seconds=1000)
    queue = a_queue(runs)
    async with serving(queue):
        queue.add(A)
        await asyncio.sleep(1)
    assert [(1, A)] == runs.cancelled
    assert [] == caplog.messages


async def test_work_that_ignores_its_cancellation_cannot_hold_the_queue(caplog: pytest.LogCaptureFixture) -> None:
    may_end = asyncio.Event()

    async def deaf(_key: Key) -> None:
        while not may_end.is_set():
            with suppress(asyncio.CancelledError):
                await may_end.wait()

    queue = a_queue(deaf, grace_seconds=20)
    async with serving(queue) as served:
        queue.add(A)
        await asyncio.sleep(1)
        queue.stop()
        await served
        assert 22 == loop_time()
        may_end.set()
        await queue.idle()
    assert ["work on team/a ignores its cancellation and is left behind"] == caplog.messages


async def test_a_queue_stopped_before_it_serves_does_nothing() -> None:
    runs = Runs()
    queue = a_queue(runs)
    queue.add(A)
    queue.stop()
    await queue.run()
    assert [] == runs.started


async def test_the_observer_hears_of_every_wait_start_and_end() -> None:
    heard: list[tuple[object, ...]] = []

    class Listener:
        def on_add(self) -> None:
            heard.append(("add",))

        def on_start(self, waited_seconds: float) -> None:
            heard.append(("start", waited_seconds))

        def on_done(self, seconds: float, error: BaseException | None, come_back_seconds: float | None) -> None:
            heard.append(("done", seconds, type(error), come_back_seconds))

    runs = Runs(seconds=2)
    runs.outcomes = {A: 60, B: ValueError("no")}
    queue = a_queue(runs, workers=1, observer=Listener())
    async with serving(queue):
        queue.add(A)
        queue.add(B)
        queue.add(B)
        await queue.idle()
    nothing = type(None)
    assert [
        ("add",),
        ("start", 0.0),
        ("add",),
        ("done", 2.0, nothing, 60),
        ("start", 2.0),
        ("done", 2.0, ValueError, None),
    ] == heard


async def test_a_key_that_fails_again_and_again_is_counted_until_it_succeeds() -> None:
    runs = Runs()
    runs.outcomes = {A: ValueError("no"), B: None}
    queue = a_queue(runs)
    counted = []
    async with serving(queue):
        queue.add(A)
        queue.add(B)
        await asyncio.sleep(FIRST_BACKOFF_SECONDS / 2)  # looked at between the runs, and not in the moment of one
        while len(runs.starts(A)) <= LASTING_FAILURES:
            counted.append((len(runs.starts(A)), queue.count_failing()))
            await asyncio.sleep(FIRST_BACKOFF_SECONDS)
        runs.outcomes[A] = None
        await asyncio.sleep(MAX_BACKOFF_SECONDS)
        counted.append((0, queue.count_failing()))
    expected = [(number, int(number >= LASTING_FAILURES)) for number in range(1, LASTING_FAILURES + 1)]
    assert [*expected, (0, 0)] == list(dict.fromkeys(counted))


async def test_a_key_that_fails_once_in_a_while_is_not_counted() -> None:
    runs = Runs()
    queue = a_queue(runs)
    async with serving(queue):
        for number in range(4 * LASTING_FAILURES):
            runs.outcomes[A] = None if number % 2 else ValueError("no")
            queue.add(A)
            await asyncio.sleep(MAX_BACKOFF_SECONDS)
    assert 0 == queue.count_failing()
