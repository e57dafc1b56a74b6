"""Two replicas of the operator and one Lease: one acts, the other takes over."""

import signal
from collections.abc import Iterator

import pytest

from lab.control_plane import ControlPlane
from lab.operator_process import NAMESPACE, make_operator, start_operator
from tests.support.cluster import BF16, Namespace, RunningOperator, a_resource, wait_until

TAKE_OVER_SECONDS = 30.0
"""A dead leader's Lease lasts 15 s, and is looked at every 2 s."""

HAND_OVER_SECONDS = 8.0
"""A leader that is told to stop gives its Lease back."""


@pytest.fixture
def replicas(plane: ControlPlane) -> Iterator[list[RunningOperator]]:
    """Two replicas, beside the operator that the other tests share and that takes part in no election."""
    options = [f"--lease-namespace={NAMESPACE}", "--namespace=default"]
    components = [make_operator(plane, name, options) for name in ("replica-a", "replica-b")]
    yield [RunningOperator(component, start_operator(component)) for component in components]
    for component in components:
        component.stop(signal.SIGKILL)


@pytest.fixture
def counted(plane: ControlPlane) -> Iterator[str]:
    """A resource in the replicas' namespace that is refused, so that it leaves nothing behind."""
    namespace = Namespace(plane, "default")
    namespace.apply(a_resource("counted", BF16, parallelism={"tensor": 1}))
    yield "counted"
    namespace.kubectl("delete", "nemo", "counted", "--wait=false")


def test_one_replica_leads_and_the_other_takes_over(replicas: list[RunningOperator], counted: str) -> None:
    leader = wait_until("one leads", lambda: _leader(replicas))
    (other,) = [replica for replica in replicas if replica is not leader]
    other.wait_until_synced()  # a replica that stands by is ready
    wait_until("the leader alone counts the resource", lambda: _list_counting(replicas, counted) == [leader])

    leader.component.stop(signal.SIGKILL)
    wait_until("the other took over from the dead", lambda: _leads(other), TAKE_OVER_SECONDS)

    leader.restart()
    assert [other] == [replica for replica in replicas if _leads(replica)]
    wait_until("the other alone counts the resource", lambda: _list_counting(replicas, counted) == [other])
    other.component.stop(signal.SIGTERM)
    wait_until("the first was handed the Lease", lambda: _leads(leader), HAND_OVER_SECONDS)


def _leader(replicas: list[RunningOperator]) -> RunningOperator | None:
    leaders = [replica for replica in replicas if _leads(replica)]
    return leaders[0] if len(leaders) == 1 else None


def _leads(replica: RunningOperator) -> bool:
    return replica.read_metrics()["nemotron_operator_leader"] == 1


def _list_counting(replicas: list[RunningOperator], name: str) -> list[RunningOperator]:
    """List the replicas that tell of the resource: what two of them told would count twice."""
    return [replica for replica in replicas if any(f'name="{name}"' in series for series in replica.read_metrics())]
