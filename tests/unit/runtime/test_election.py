import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from nemotron_operator.runtime.clocks import loop_time
from nemotron_operator.runtime.election import LeaderElector, LeadershipLostError, micro_time
from tests.unit.runtime.lease_server import LeaseServer, Network

NOON = datetime(2026, 8, 22, 12, tzinfo=UTC)


class Reign:
    """What runs as the leader: it notes when it began and ended, and ends by itself when told."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.cancelled: list[float] = []
        self.may_end = asyncio.Event()

    async def __call__(self) -> None:
        self.began.append(loop_time())
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled.append(loop_time())
            raise


def an_elector(network: Network, identity: str = "a", **options: Any) -> LeaderElector:  # noqa: ANN401 - the elector's own arguments
    return LeaderElector(network, identity, **{"clock": loop_time, **options})


@asynccontextmanager
async def running(elector: LeaderElector, reign: Reign) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(elector.run(reign))
    await asyncio.sleep(0.01)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, LeadershipLostError):
            await task


def held_by(holder: str, **spec: object) -> LeaseServer:
    server = LeaseServer()
    now = micro_time(NOON)
    server.create(
        {
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": 15,
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": 3,
                **spec,
            }
        }
    )
    return server


async def test_an_absent_lease_is_created_and_led_at_once() -> None:
    server, reign = LeaseServer(), Reign()
    elector = an_elector(Network(server), now=lambda: NOON)
    async with running(elector, reign):
        assert elector.is_leader()
    assert [0] == reign.began
    assert {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-08-22T12:00:00.000000Z",
        "renewTime": "2026-08-22T12:00:00.000000Z",
        "leaseTransitions": 0,
    } == server.written[0]["spec"]
    assert ("coordination.k8s.io/v1", "Lease") == (server.written[0]["apiVersion"], server.written[0]["kind"])


async def test_a_leader_renews_every_two_seconds_and_keeps_the_time_of_acquiring() -> None:
    server = LeaseServer()
    elector = an_elector(Network(server), now=lambda: NOON + timedelta(seconds=loop_time()))
    async with running(elector, Reign()):
        await asyncio.sleep(60)
        assert elector.is_leader()
    assert 31 == len(server.written)
    assert "2026-08-22T12:00:00.000000Z" == server.spec["acquireTime"]
    assert "2026-08-22T12:01:00.000000Z" == server.spec["renewTime"]
    assert 0 == server.spec["leaseTransitions"]


async def test_the_lease_of_one_who_lives_is_left_alone() -> None:
    server, reign = LeaseServer(), Reign()
    other, standby = an_elector(Network(server), "other"), an_elector(Network(server))
    async with running(other, Reign()), running(standby, reign):
        await asyncio.sleep(3600)
        assert not standby.is_leader()
        assert "other" == standby.holder
    assert [] == reign.began


async def test_a_stale_lease_is_taken_over_after_its_duration_as_seen_from_here() -> None:
    server, reign = held_by("dead"), Reign()
    elector = an_elector(Network(server), now=lambda: NOON)
    async with running(elector, reign):
        await asyncio.sleep(20)
    assert [16] == reign.began
    assert ("a", 4) == (server.spec["holderIdentity"], server.spec["leaseTransitions"])


@pytest.mark.parametrize("skew", [timedelta(days=-4000), timedelta(days=4000)])
async def test_no_wall_clock_makes_a_lease_older_or_younger(skew: timedelta) -> None:
    server, reign = held_by("dead"), Reign()
    async with running(an_elector(Network(server), now=lambda: NOON + skew), reign):
        await asyncio.sleep(20)
    assert [16] == reign.began


async def test_a_holder_that_promised_to_renew_later_is_given_that_time() -> None:
    reign = Reign()
    async with running(an_elector(Network(held_by("older release", leaseDurationSeconds=60))), reign):
        await asyncio.sleep(100)
    assert [60] == reign.began


@pytest.mark.parametrize("holder", ["", None])
async def test_a_released_lease_is_taken_at_once(holder: str | None) -> None:
    server, reign = held_by("other"), Reign()
    server.edit(holderIdentity=holder)
    async with running(an_elector(Network(server)), reign):
        pass
    assert [0] == reign.began
    assert 4 == server.spec["leaseTransitions"]


async def test_a_lease_without_a_spec_is_taken() -> None:
    server, reign = LeaseServer(), Reign()
    server.create({"metadata": {}})
    async with running(an_elector(Network(server)), reign):
        pass
    assert [0] == reign.began


async def test_fields_that_the_elector_does_not_know_stay_in_the_lease() -> None:
    server = held_by("", strategy="OldestEmulationVersion")
    async with running(an_elector(Network(server)), Reign()):
        await asyncio.sleep(10)
    assert "OldestEmulationVersion" == server.spec["strategy"]


async def test_a_deleted_lease_is_not_a_released_one() -> None:
    server, reign = held_by("other"), Reign()
    async with running(an_elector(Network(server)), reign):
        server.lease = None
        await asyncio.sleep(20)
    assert [16] == reign.began


async def test_of_two_that_find_no_lease_one_leads() -> None:
    server = LeaseServer()
    first, second = an_elector(Network(server, 0.1), "a"), an_elector(Network(server, 0.1), "b")
    async with running(first, Reign()), running(second, Reign()):
        await asyncio.sleep(30)
        assert [True, False] == [first.is_leader(), second.is_leader()]


async def test_a_leader_whose_lease_is_stolen_stops_at_its_next_renewal() -> None:
    server, reign = LeaseServer(), Reign()
    elector = an_elector(Network(server))
    async with running(elector, reign) as task:
        await asyncio.sleep(5)
        server.edit(holderIdentity="thief")
        await asyncio.sleep(2)
        assert not elector.is_leader()
        with pytest.raises(LeadershipLostError, match="a may lead no longer: the Lease is held by 'thief'"):
            await task
    assert [6] == reign.cancelled
    assert "thief" == server.spec["holderIdentity"]


async def test_a_leader_whose_lease_is_deleted_stops_and_does_not_create_it_again() -> None:
    server, reign = LeaseServer(), Reign()
    async with running(an_elector(Network(server)), reign) as task:
        server.lease = None
        with pytest.raises(LeadershipLostError):
            await task
    assert [2] == reign.cancelled
    assert server.lease is None


async def test_a_leader_whose_lease_was_cleared_does_not_claim_it_back() -> None:
    server = LeaseServer()
    async with running(an_elector(Network(server)), Reign()) as task:
        server.edit(holderIdentity="")
        with pytest.raises(LeadershipLostError):
            await task
    assert "" == server.spec["holderIdentity"]


async def test_short_outages_do_not_end_a_reign() -> None:
    network, reign = Network(LeaseServer()), Reign()
    elector = an_elector(network)
    async with running(elector, reign):
        for _ in range(10):
            network.refuses = True
            await asyncio.sleep(5.9)
            network.refuses = False
            await asyncio.sleep(2)
            assert elector.is_leader()
    assert [0] == reign.began


async def test_one_connection_that_hangs_leaves_time_for_another_try() -> None:
    network = Network(LeaseServer())
    elector = an_elector(network)
    async with running(elector, Reign()):
        network.seconds_each_way = 1e6
        await asyncio.sleep(3)
        network.seconds_each_way = 0.0
        await asyncio.sleep(10)
        assert elector.is_leader()


@pytest.mark.parametrize("retry_seconds", [2, 3])
@pytest.mark.parametrize(
    "fault", [{"refuses": True}, {"seconds_each_way": 1e6}, {"loses_answers": True}], ids=["refused", "hung", "lost"]
)
async def test_a_leader_that_cannot_renew_is_none_after_the_deadline(
    fault: dict[str, Any], retry_seconds: float
) -> None:
    network, reign = Network(LeaseServer()), Reign()
    elector = an_elector(network, retry_seconds=retry_seconds)
    async with running(elector, reign) as task:
        for name, value in fault.items():
            setattr(network, name, value)
        await asyncio.sleep(9.98)
        assert elector.is_leader()
        await asyncio.sleep(0.02)
        assert not elector.is_leader()
        with pytest.raises(LeadershipLostError):
            await task
    assert [10] == reign.cancelled


async def test_the_deadline_counts_from_the_sending_of_a_renewal_not_from_its_answer() -> None:
    network = Network(LeaseServer(), seconds_each_way=1)
    elector = an_elector(network)
    async with running(elector, Reign()):
        await asyncio.sleep(4)  # read: 0 to 2 s, create: 2 to 4 s
        assert elector.is_leader()
        network.refuses = True
        await asyncio.sleep(8)
        assert not elector.is_leader()


async def test_an_outage_before_the_first_acquisition_is_waited_out() -> None:
    network, reign = Network(LeaseServer(), refuses=True), Reign()
    async with running(an_elector(network), reign):
        await asyncio.sleep(100)
        network.refuses = False
        await asyncio.sleep(2)
    assert [102] == reign.began


async def test_a_write_whose_answer_was_lost_is_recognised_as_our_own() -> None:
    network, reign = Network(LeaseServer(), loses_answers=True), Reign()
    network.server.create({"spec": {"holderIdentity": "a"}})
    async with running(an_elector(network), reign):
        network.loses_answers = False
        await asyncio.sleep(2)
    assert [2] == reign.began
    assert 0 == network.server.spec["leaseTransitions"]


async def test_a_process_that_was_stopped_is_no_leader_from_its_first_moment_on() -> None:
    stopped_seconds = 0.0
    server, reign = LeaseServer(), Reign()
    elector = an_elector(Network(server), clock=lambda: loop_time() + stopped_seconds)
    async with running(elector, reign) as task:
        await asyncio.sleep(1)
        renewals = len(server.written)
        stopped_seconds = 12.0
        assert not elector.is_leader()
        with pytest.raises(LeadershipLostError):
            await task
    assert renewals == len(server.written), "it renewed as if nothing had happened"
    assert [2] == reign.cancelled


async def test_a_run_ends_with_what_it_leads_and_the_lease_is_kept_until_then() -> None:
    server, reign = LeaseServer(), Reign()
    elector = an_elector(Network(server))
    async with running(elector, reign) as task:
        await asyncio.sleep(60)
        assert elector.is_leader()
        reign.may_end.set()
        await task
    assert [] == reign.cancelled


async def test_an_error_of_what_it_leads_comes_through() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await an_elector(Network(LeaseServer())).run(fail)


async def test_cancelling_the_run_cancels_what_it_leads() -> None:
    reign = Reign()
    elector = an_elector(Network(LeaseServer()))
    async with running(elector, reign):
        await asyncio.sleep(1)
    assert [1.01] == reign.cancelled
    assert not elector.is_leader()


async def test_what_it_leads_may_finish_a_write_while_it_is_cancelled() -> None:
    elector = an_elector(Network(LeaseServer()))
    could_write: list[bool] = []

    async def finish_slowly() -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            for seconds in (6, 3, 3):
                await asyncio.sleep(seconds)
                could_write.append(elector.is_leader())

    task = asyncio.create_task(elector.run(finish_slowly))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [True, True, False] == could_write


async def test_what_ignores_its_cancellation_cannot_hold_back_the_loss(caplog: pytest.LogCaptureFixture) -> None:
    may_end = asyncio.Event()

    async def deaf() -> None:
        while not may_end.is_set():
            with suppress(asyncio.CancelledError):
                await may_end.wait()

    network = Network(LeaseServer())
    task = asyncio.create_task(an_elector(network).run(deaf))
    await asyncio.sleep(0.01)
    network.refuses = True
    with pytest.raises(LeadershipLostError):
        await task
    assert 15 == loop_time()
    assert "What ran as the leader ignores its cancellation; only the end of the process stops it" in caplog.messages
    may_end.set()
    await asyncio.sleep(0)


async def test_an_error_during_the_loss_is_logged_and_the_loss_is_what_counts(caplog: pytest.LogCaptureFixture) -> None:
    async def fail_late() -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            raise ValueError("no")

    network = Network(LeaseServer())
    task = asyncio.create_task(an_elector(network).run(fail_late))
    await asyncio.sleep(0.01)
    network.refuses = True
    with pytest.raises(LeadershipLostError):
        await task
    assert "What ran as the leader failed while it was cancelled" in caplog.messages


async def test_releasing_empties_the_holder_and_lets_the_standby_lead_at_its_next_try() -> None:
    server, reign = LeaseServer(), Reign()
    leader, standby = an_elector(Network(server)), an_elector(Network(server), "b")
    async with running(leader, Reign()) as led, running(standby, reign):
        await asyncio.sleep(5)
        led.cancel()
        await leader.release()
        assert "" == server.spec["holderIdentity"]
        assert not leader.is_leader()
        await asyncio.sleep(2)
    assert [6.01] == reign.began
    assert 1 == server.spec["leaseTransitions"]


async def test_a_process_stops_leading_before_it_asks_to_release() -> None:
    network = Network(LeaseServer())
    elector = an_elector(network)
    async with running(elector, Reign()):
        network.seconds_each_way = 1.0
        releasing = asyncio.create_task(elector.release())
        await asyncio.sleep(0)
        assert not elector.is_leader()
        await releasing


async def test_releasing_leaves_the_lease_of_another_alone() -> None:
    server = held_by("other")
    await an_elector(Network(server)).release()
    assert "other" == server.spec["holderIdentity"]


@pytest.mark.parametrize("network", [Network(LeaseServer()), Network(LeaseServer(), refuses=True)])
async def test_releasing_what_cannot_be_released_is_harmless(network: Network) -> None:
    await an_elector(network).release()
    assert network.server.lease is None


def test_micro_time_has_six_digits_and_z_whatever_the_zone() -> None:
    moment = datetime(2026, 8, 22, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert "2026-08-22T12:00:00.000005Z" == micro_time(moment)


@pytest.mark.parametrize(("retry", "deadline", "lease"), [(2, 15, 15), (10, 10, 15), (2, 20, 15)])
def test_times_that_leave_no_margin_are_refused(retry: float, deadline: float, lease: int) -> None:
    message = f"retry_seconds {retry} must be less than renew_deadline_seconds {deadline}, and that less than"
    with pytest.raises(ValueError, match=re.escape(message)):
        LeaderElector(Network(LeaseServer()), "a", lease, deadline, retry)
