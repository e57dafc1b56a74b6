"""Whatever is added, and however runs end, the queue keeps its promises."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from typing_extensions import override

from nemotron_operator.runtime.work_queue import EVENT_SHORTCUT, FIRST_BACKOFF_SECONDS, Key, WorkQueue
from tests.unit.runtime.virtual_time import VirtualTimeLoop

KEYS: list[Key] = [("team", name) for name in "abcd"]
WORKERS = 2

keys = st.sampled_from(KEYS)
run_seconds = st.sampled_from([0.0, 0.01, 1.0, 20.0])
outcomes = st.sampled_from([None, 0.0, 3.0, 50.0, "fail", "hang"])
pauses = st.sampled_from([0.0, 0.004, 0.1, 1.0, 30.0, 400.0])


class AnyUseOfAQueue(RuleBasedStateMachine):
    """Adds, pauses and changing luck. Events are numbered, for many of them happen at the same moment."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.event_number = 0
        self.last_asked: dict[Key, int] = {}
        self.last_started: dict[Key, int] = {}
        self.asked_count: dict[Key, int] = defaultdict(int)
        self.started_count: dict[Key, int] = defaultdict(int)
        self.running: set[Key] = set()
        self.run_seconds: dict[Key, float] = defaultdict(float)
        self.outcomes: dict[Key, float | str | None] = {}
        self.failures: dict[Key, int] = defaultdict(int)
        self.failed_at: dict[Key, float] = {}
        self.queue = WorkQueue(
            work=self.work,
            known_keys=list,
            random=Random(1),  # noqa: S311 - jitter, no secret
            workers=WORKERS,
            timeout_seconds=60,
            clock=self.loop.time,
        )
        self.serving = self.loop.create_task(self.queue.run())
        self.loop.advance(0)

    async def work(self, key: Key) -> float | None:
        self.note_start(key)
        self.running.add(key)
        try:
            await asyncio.sleep(1e9 if self.outcomes.get(key) == "hang" else self.run_seconds[key])
            outcome = self.luck(key)
        except BaseException:
            self.failures[key] += 1
            self.failed_at[key] = self.loop.time()
            self.note_asked(key)
            raise
        else:
            self.failures[key] = 0
            if outcome is not None:
                self.note_asked(key)
            return outcome
        finally:
            self.running.remove(key)

    def luck(self, key: Key) -> float | None:
        outcome = self.outcomes.get(key)
        if outcome == "fail":
            raise ConnectionError
        assert not isinstance(outcome, str)
        return outcome

    def note_start(self, key: Key) -> None:
        assert key not in self.running, "a key runs twice at a time"
        if failures := self.failures[key]:
            shortest = FIRST_BACKOFF_SECONDS * 2 ** (failures - 1) * 0.5 * EVENT_SHORTCUT
            assert self.loop.time() - self.failed_at[key] >= min(shortest, 300 * 0.5 * EVENT_SHORTCUT) - 1e-6
        self.event_number += 1
        self.last_started[key] = self.event_number
        self.started_count[key] += 1

    def note_asked(self, key: Key) -> None:
        self.event_number += 1
        self.last_asked[key] = self.event_number
        self.asked_count[key] += 1

    def in_loop(self, call: Callable[[], None]) -> None:
        async def enter() -> None:
            call()

        self.loop.run_until_complete(enter())

    @rule(key=keys, times=st.integers(1, 3))
    def add(self, key: Key, times: int) -> None:
        for _ in range(times):
            self.note_asked(key)
            self.in_loop(partial(self.queue.add, key))

    @rule(key=keys, seconds=pauses)
    def add_after(self, key: Key, seconds: float) -> None:
        self.note_asked(key)
        self.in_loop(partial(self.queue.add_after, key, seconds))

    @rule(key=keys, seconds=run_seconds, outcome=outcomes)
    def change_luck(self, key: Key, seconds: float, outcome: float | str | None) -> None:
        self.run_seconds[key] = seconds
        # Coming back at once for ever would leave the virtual clock no chance to move on.
        self.outcomes[key] = outcome if outcome != 0.0 or seconds else None

    @rule(seconds=pauses)
    def pause(self, seconds: float) -> None:
        self.loop.advance(seconds)

    @invariant()
    def a_key_waits_at_most_once(self) -> None:
        assert self.queue.depth <= len(KEYS)

    @invariant()
    def no_more_keys_run_than_there_are_workers(self) -> None:
        assert len(self.running) <= WORKERS

    @invariant()
    def no_key_waits_while_a_worker_is_free(self) -> None:
        self.loop.settle()  # at the end of a run, its worker is free some turns later
        assert self.queue.depth == 0 or len(self.running) == WORKERS

    @invariant()
    def no_run_comes_from_nothing(self) -> None:
        for key in KEYS:
            assert self.started_count[key] <= self.asked_count[key]

    @override
    def teardown(self) -> None:
        self.outcomes.clear()
        self.run_seconds.clear()
        self.loop.advance(2000)
        try:
            self.loop.run_until_complete(self.queue.idle())
            for key, asked in self.last_asked.items():
                assert self.last_started.get(key, 0) > asked, "a request was not followed by a run"
        finally:
            self.serving.cancel()
            with suppress(asyncio.CancelledError):
                self.loop.run_until_complete(self.serving)
            self.loop.close()


AnyUseOfAQueue.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyUseOfAQueue = AnyUseOfAQueue.TestCase
