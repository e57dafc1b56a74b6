"""Whatever the network and the scheduler do, no two electors lead at one time.

Each process has an event loop of its own, so that one can be stopped (as by SIGSTOP, a debugger, a starved node) with
an answer in its hands while the other runs on. Nothing here deletes the Lease: that gap is documented in the module.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from typing_extensions import override

from nemotron_operator.runtime.election import LeaderElector, LeadershipLostError
from tests.unit.runtime.lease_server import LeaseServer, Network
from tests.unit.runtime.virtual_time import VirtualTimeLoop

TICK_SECONDS = 0.5
"""Within a tick one process runs before the other, so no time is known more exactly than this."""

MARGIN_SECONDS = 5.0
"""Lease duration less renew deadline: what a write that is under way may take."""

LATE_SECONDS = 7.0
"""When a request arrives that its sender gave up."""


@dataclass
class World:
    """The time that passes for everybody, the server, and requests that are still on their way."""

    server: LeaseServer
    now: float = 0.0

    def __post_init__(self) -> None:
        self.underway: list[tuple[float, Callable[[], object]]] = []
        self.released: set[str] = set()

    def land_late(self, request: Callable[[], object]) -> None:
        self.underway.append((self.now + LATE_SECONDS, request))

    def land(self) -> None:
        landing = [request for at, request in self.underway if at <= self.now]
        self.underway = [(at, request) for at, request in self.underway if at > self.now]
        for request in landing:
            with suppress(Exception):
                request()


class Process:
    """An operator: it leads when it can, is started again when it dies, and can be stopped in the middle."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.world = world
        self.loop = VirtualTimeLoop()
        self.network = Network(world.server, land_late=world.land_late)
        self.wall_skew = timedelta()
        self.frozen_until = 0.0
        self.starts = 0
        self.start()

    def clock(self) -> float:
        # A frozen process has an old loop time, but would read the world's if it woke in this moment.
        return max(self.loop.time(), self.world.now)

    def start(self) -> None:
        self.starts += 1
        self.may_end = asyncio.Event()
        self.elector = LeaderElector(
            self.network,
            f"{self.name}-{self.starts}",
            clock=self.clock,
            now=lambda: datetime(2026, 8, 22, tzinfo=UTC) + timedelta(seconds=self.clock()) + self.wall_skew,
        )
        self.task = self.loop.create_task(self.live())

    async def live(self) -> None:
        with suppress(LeadershipLostError):
            await self.elector.run(self.lead)
            self.world.released.add(self.elector.identity)
            await self.elector.release()

    async def lead(self) -> None:
        await self.may_end.wait()

    def catch_up(self, to: float) -> None:
        if to <= self.frozen_until:
            return
        behind = self.world.now - self.loop.time()
        if behind > TICK_SECONDS / 2:
            self.loop.freeze(behind)
        self.loop.advance(to - self.loop.time())
        if self.task.done():
            self.start()

    def kill(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.task)


class AnyFateOfTwoElectors(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(LeaseServer())
        self.processes = [Process("a", self.world), Process("b", self.world)]
        self.last_identity = ""
        self.last_led_at = -MARGIN_SECONDS

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_SECONDS)):
            to = self.world.now + TICK_SECONDS
            for process in self.processes:
                process.catch_up(to)
            self.world.now = to
            self.world.land()
            self.check()

    def check(self) -> None:
        leaders = [process.elector.identity for process in self.processes if process.elector.is_leader()]
        assert len(leaders) <= 1, f"two leaders at {self.world.now}: {leaders}"
        for identity in leaders:
            if identity != self.last_identity and self.last_identity not in self.world.released:
                between = self.world.now - self.last_led_at
                assert between >= MARGIN_SECONDS - 2 * TICK_SECONDS, "no time for a write that is under way"
            self.last_identity, self.last_led_at = identity, self.world.now

    @rule(seconds=st.sampled_from([0.5, 2.0, 6.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(number=st.integers(0, 1), seconds=st.sampled_from([1.0, 8.0, 14.0, 40.0]))
    def stop_a_process_for_a_while(self, number: int, seconds: float) -> None:
        self.processes[number].frozen_until = self.world.now + seconds

    @rule(
        number=st.integers(0, 1),
        seconds_each_way=st.sampled_from([0.0, 0.0, 0.3, 2.4, 4.0, 1000.0]),
        refuses=st.sampled_from([False, False, True]),
        loses_answers=st.sampled_from([False, False, True]),
    )
    def change_a_network(self, number: int, seconds_each_way: float, *, refuses: bool, loses_answers: bool) -> None:
        network = self.processes[number].network
        network.seconds_each_way, network.refuses, network.loses_answers = seconds_each_way, refuses, loses_answers

    @rule(number=st.integers(0, 1), hours=st.integers(-100000, 100000))
    def set_a_wall_clock(self, number: int, hours: int) -> None:
        self.processes[number].wall_skew = timedelta(hours=hours)

    @rule(number=st.integers(0, 1))
    def kill_a_process(self, number: int) -> None:
        process = self.processes[number]
        if process.frozen_until <= self.world.now:
            process.kill()
            process.start()

    @rule(number=st.integers(0, 1))
    def end_a_process_gracefully(self, number: int) -> None:
        self.processes[number].may_end.set()

    @override
    def teardown(self) -> None:
        try:
            for process in self.processes:
                process.frozen_until = 0.0
                process.network.seconds_each_way = 0.0
                process.network.refuses = process.network.loses_answers = False
            self.pass_time(60)
            leaders = [process for process in self.processes if process.elector.is_leader()]
            assert len(leaders) == 1, "in fair weather somebody leads"
        finally:
            for process in self.processes:
                process.kill()
                process.loop.close()


AnyFateOfTwoElectors.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAnyFateOfTwoElectors = AnyFateOfTwoElectors.TestCase
