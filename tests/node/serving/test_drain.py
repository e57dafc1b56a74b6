"""No question that was accepted is lost, whatever makes a pod stop, while real engines are asked all the time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.real_operator import tiny_resource
from lab.volumes import REAL_STORAGE_CLASS
from nemotron_operator.render.server_pod import ENDPOINT_REMOVAL_SECONDS
from tests.node.serving.conftest import a_namespace
from tests.node.serving.test_serving import START_SECONDS, Served
from tests.node.serving.test_trouble import SERVERS
from tests.support.cluster import Body, Namespace, refusal_of, wait_until
from tests.support.steady_load import Question, SteadyLoad
from tests.support.stopping_pods import ENGINE_PORT, StoppingPods, count_in_flight, watch_stopping_pods

DRAIN_SECONDS = 240
"""More than the longest answer takes on a machine of two busy cores: half a minute where nothing else runs."""

LONG_ANSWER = Question(3000, is_streamed=True)
"""It takes longer than a pod waits before its engine is told to end, and is not cut off by that."""

CHANGE_SECONDS = 2 * START_SECONDS
"""Two engines that start one after the other, under load."""


@dataclass(frozen=True)
class LoadedService:
    """A served model that is asked without a pause."""

    namespace: Namespace
    load: SteadyLoad

    def list_pods(self) -> list[Body]:
        """List the pods that serve or will serve."""
        pods = self.namespace.list("pod", SERVERS)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def change(self, **spec: object) -> None:
        """Change the spec as a user does."""
        self.namespace.patch("nemo", "tiny", {"spec": spec})

    def wait_until_all_work(self) -> None:
        """Wait until every pod has something to answer: it cannot lose what it was never given."""
        addresses = [pod["status"]["podIP"] for pod in self.list_pods()]
        wait_until("every pod answers something", lambda: all(map(count_in_flight, addresses)), seconds=60)


@pytest.fixture(scope="module")
def service(serving_plane: ControlPlane, hub: Hub) -> Iterator[LoadedService]:
    """Two replicas on one volume, asked from when they are Ready until the last test has ended."""
    resource = tiny_resource(
        hub,
        replicas=2,
        cache={"size": "1Gi", "storageClassName": REAL_STORAGE_CLASS, "accessModes": ["ReadWriteMany"]},
        engine={"maxNumSeqs": 4, "sampling": {"maxTokens": LONG_ANSWER.max_tokens}},
        rollout={"drainSeconds": DRAIN_SECONDS},
        verification={"mode": "Never"},
    )
    with a_namespace(serving_plane) as namespace:
        namespace.apply(resource)
        served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
        with SteadyLoad(served.url, "tiny") as load:
            yield LoadedService(namespace, load)
    print(f"\n  in all: {load.describe()}")
    assert [] == [*load.list_lost(), *load.list_refused()]


@contextmanager
def nothing_is_lost(service: LoadedService, stopped: int) -> Iterator[StoppingPods]:
    """Make sure that pods stop while they answer, so many of them, and that every answer of that time is whole."""
    service.wait_until_all_work()
    before, first = {_name(pod) for pod in service.namespace.list("pod", SERVERS)}, len(service.load.outcomes)
    with watch_stopping_pods(service.namespace, SERVERS) as stopping:
        yield stopping
        wait_until(
            f"{stopped} pods are gone",
            lambda: len(before - {_name(pod) for pod in service.namespace.list("pod", SERVERS)}) == stopped,
            seconds=CHANGE_SECONDS,
        )
    print(f"\n  {stopping.describe(ENDPOINT_REMOVAL_SECONDS)}; {service.load.describe(first)}")
    assert stopped == len(stopping.looks)
    assert stopping.count_in_flight() > 0
    assert [] == service.load.list_lost(first)
    assert [] == service.load.list_refused(first)


def test_a_scale_down_loses_no_question(service: LoadedService) -> None:
    with nothing_is_lost(service, stopped=1):
        service.namespace.kubectl("scale", "nemo/tiny", "--replicas=1")


def test_a_rollout_that_surges_loses_no_question(service: LoadedService) -> None:
    """It grows to two replicas at once, which saves this machine the start of an engine."""
    with nothing_is_lost(service, stopped=1):
        service.change(replicas=2, engine={"maxNumSeqs": 3})
        resource = service.namespace.wait_until_ready("tiny", CHANGE_SECONDS)
    rollout = resource["status"]["rollout"]
    assert "Surge" == rollout["strategy"]
    assert "one more replica needs 1" in rollout["message"]


def test_a_rollout_in_place_loses_no_question(service: LoadedService) -> None:
    with nothing_is_lost(service, stopped=2):
        service.change(rollout={"strategy": "Replace"}, engine={"maxNumSeqs": 4})
        resource = service.namespace.wait_until_ready("tiny", CHANGE_SECONDS)
    assert "Replace" == resource["status"]["rollout"]["strategy"]


def test_an_eviction_loses_no_question_and_a_second_one_has_to_wait(service: LoadedService) -> None:
    """As a drain of their node does it, but for the node that stays, as there is no other here."""
    first, second = service.list_pods()
    address = first["status"]["podIP"]
    with (
        nothing_is_lost(service, stopped=1) as stopping,
        SteadyLoad(f"http://{address}:{ENGINE_PORT}", "tiny", [LONG_ANSWER]) as long_answer,
    ):
        wait_until("it is asked", lambda: long_answer.accepted)
        _evict(service.namespace, _name(first))
        refusal = refusal_of(lambda: _evict(service.namespace, _name(second)))
    assert "would violate the pod's disruption budget" in refusal
    assert [""] == [outcome.problem for outcome in long_answer.outcomes]
    assert stopping.count_in_flight(ENDPOINT_REMOVAL_SECONDS) > 0


def _evict(namespace: Namespace, pod: str) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace.name}}
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction"
    namespace.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))


def _name(pod: Body) -> str:
    name: str = pod["metadata"]["name"]
    return name
