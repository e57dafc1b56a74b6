"""Kopf is replaced by a coroutine that ends in every way; what kopf itself does is seen in the cluster tier."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn

import kopf
import pytest

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.connection import Credentials
from nemotron_operator.cluster.kinds import LEADER_WORKER_SET, ApiKind
from nemotron_operator.cluster.relist import EVERYWHERE, Scope
from nemotron_operator.handlers import supervisor as supervisor_module
from nemotron_operator.handlers.supervisor import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, WatchSupervisor

REAL_SLEEP = asyncio.sleep

Run = Callable[[asyncio.Event], Awaitable[None]]
"""One run of kopf; the event tells it to end."""


@dataclass
class Watched:
    """A supervisor, and what it did."""

    monkeypatch: pytest.MonkeyPatch
    restarts: int = 0
    scope: Scope = EVERYWHERE
    threads: list[int] = field(default_factory=list)
    pauses_seconds: list[float] = field(default_factory=list)

    def supervise(self, *runs: Run, list_served_kinds: Callable[[], Iterable[ApiKind]] = tuple) -> WatchSupervisor:
        """Make a supervisor whose kopf does these things, one in each run; the last run goes on until told to end."""
        left = iter(runs)

        async def run_kopf(_registry: kopf.OperatorRegistry, _namespaces: object, ending: asyncio.Event) -> None:
            self.threads.append(threading.get_ident())
            await next(left, until_told)(ending)

        async def sleep(seconds: float) -> None:
            self.pauses_seconds.append(seconds)
            await REAL_SLEEP(0)

        self.monkeypatch.setattr(supervisor_module, "_run_kopf", run_kopf)
        self.monkeypatch.setattr(asyncio, "sleep", sleep)
        return WatchSupervisor(
            deliver, read_credentials, lambda: self.scope, self._count_restart, lambda: None, list_served_kinds
        )

    def _count_restart(self) -> None:
        self.restarts += 1


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("code"),
        ValueError("not a date"),
        RuntimeError("watching failed"),
        OSError(),
        ExceptionGroup("", [OSError()]),
    ],
    ids=repr,
)
async def test_it_is_started_again_after_any_failure(watched: Watched, error: Exception) -> None:
    async def fail(_: asyncio.Event) -> NoReturn:
        raise error

    await run_until_quiet(watched.supervise(fail, fail), watched, runs=3)
    assert 2 == watched.restarts


async def test_it_is_started_again_when_it_ends_without_a_word(watched: Watched) -> None:
    await run_until_quiet(watched.supervise(end_at_once), watched, runs=2)
    assert 1 == watched.restarts


async def test_pauses_grow_to_a_limit_and_are_jittered(watched: Watched) -> None:
    await run_until_quiet(watched.supervise(*[end_at_once] * 12), watched, runs=13)
    first, *_, last = watched.pauses_seconds
    assert 0.5 * FIRST_PAUSE_SECONDS <= first <= FIRST_PAUSE_SECONDS
    assert 0.5 * LONGEST_PAUSE_SECONDS <= last <= LONGEST_PAUSE_SECONDS
    assert 12 == len(set(watched.pauses_seconds))


async def test_a_long_run_ends_a_series_of_failures(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "HEALTHY_RUN_SECONDS", -1.0)
    await run_until_quiet(watched.supervise(*[end_at_once] * 8), watched, runs=9)
    assert all(pause <= FIRST_PAUSE_SECONDS for pause in watched.pauses_seconds)


async def test_each_run_has_a_thread_other_than_the_operators(watched: Watched) -> None:
    await run_until_quiet(watched.supervise(end_at_once), watched, runs=2)
    assert threading.get_ident() not in watched.threads


async def test_it_is_healthy_while_it_runs_only(watched: Watched) -> None:
    supervisor = watched.supervise()
    assert "The watches are not running; they are started again." == supervisor.healthy()
    running = await start(supervisor, watched, runs=1)
    assert supervisor.healthy() is None
    await stop(running)
    assert supervisor.healthy() is not None


async def test_being_cancelled_it_lets_kopf_end_first(watched: Watched) -> None:
    ended: list[str] = []

    async def tidy_up(ending: asyncio.Event) -> None:
        await ending.wait()
        ended.append("tidied up")

    running = await start(watched.supervise(tidy_up), watched, runs=1)
    await stop(running)
    assert (["tidied up"], 0) == (ended, watched.restarts)


async def test_without_a_namespace_it_watches_nothing_until_there_is_one(watched: Watched) -> None:
    watched.scope = ()
    supervisor = watched.supervise()
    running = asyncio.create_task(supervisor.run())
    await REAL_SLEEP(0.05)
    assert ([], "None of the namespaces can be read; the log says why.") == (watched.threads, supervisor.healthy())
    watched.scope = ("team",)
    supervisor.begin_anew()
    async with asyncio.timeout(10):
        while not watched.threads:
            await REAL_SLEEP(0.005)
    assert supervisor.healthy() is None
    await stop(running)


async def test_beginning_anew_is_no_failure_and_takes_the_kinds_that_are_served_then(watched: Watched) -> None:
    served: list[tuple[ApiKind, ...]] = []
    kinds: tuple[ApiKind, ...] = ()

    def list_served_kinds() -> tuple[ApiKind, ...]:
        served.append(kinds)
        return kinds

    supervisor = watched.supervise(until_told, list_served_kinds=list_served_kinds)
    running = await start(supervisor, watched, runs=1)
    kinds = (LEADER_WORKER_SET,)
    supervisor.begin_anew()
    async with asyncio.timeout(10):
        while len(watched.threads) < 2:
            await REAL_SLEEP(0.005)
    await stop(running)
    assert ([(), (LEADER_WORKER_SET,)], 0, []) == (served, watched.restarts, watched.pauses_seconds)


async def run_until_quiet(supervisor: WatchSupervisor, watched: Watched, runs: int) -> None:
    await stop(await start(supervisor, watched, runs))


async def start(supervisor: WatchSupervisor, watched: Watched, runs: int) -> asyncio.Task[None]:
    """Start, and wait until kopf was started so many times."""
    running = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(10):
        while len(watched.threads) < runs:
            await REAL_SLEEP(0.005)
    return running


async def stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def end_at_once(_: asyncio.Event) -> None:
    """End as kopf does when it was told to, though nobody told it."""


async def until_told(ending: asyncio.Event) -> None:
    await ending.wait()


async def read_credentials() -> Credentials:
    raise AssertionError("nothing logs in here")


def deliver(_kind: ApiKind, _event_type: str | None, _reported: KubernetesObject) -> None:
    raise AssertionError("nothing is reported here")


async def test_kopf_does_not_ask_for_the_name_of_a_user_who_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    async def operator(**arguments: object) -> None:
        asked.append(arguments)

    monkeypatch.setattr(kopf, "operator", operator)
    await supervisor_module._run_kopf(kopf.OperatorRegistry(), (), asyncio.Event())
    assert asked[0]["identity"] == "nemotron-operator"
