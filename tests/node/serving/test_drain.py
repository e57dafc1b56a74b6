"""No question that was accepted is lost, whatever makes a pod stop, while real engines are asked all the time."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.real_operator import tiny_resource
from lab.volumes import REAL_STORAGE_CLASS
from nemotron_operator.render.server_pod import ENDPOINT_REMOVAL_SECONDS
from tests.node.serving.conftest import a_namespace
from tests.node.serving.test_serving import START_SECONDS, Served, first_answer
from tests.node.serving.test_trouble import SERVERS
from tests.support.cluster import Body, Namespace, refusal_of, wait_until
from tests.support.steady_load import Question, SteadyLoad
from tests.support.stopping_pods import ENGINE_PORT, StoppingPods, count_in_flight, watch_stopping_pods

DRAIN_SECONDS = 240
"""More than the longest answer takes on a machine of two busy cores: half a minute where nothing else runs."""

ANSWER, LONG_ANSWER = Question(1000), Question(2400, is_streamed=True)
"""The long one takes longer than a pod waits before its engine is told to end, and is not cut off by that."""

CHANGE_SECONDS = 2 * START_SECONDS
"""Two engines that start, at once or one after the other under load."""


@dataclass(frozen=True)
class LoadedService:
    """A served model that is asked without a pause."""

    namespace: Namespace
    load: SteadyLoad

    def list_ready(self) -> dict[str, str]:
        """List the pods that serve, with their addresses."""
        return {
            pod["metadata"]["name"]: pod["status"]["podIP"]
            for pod in self.namespace.list("pod", SERVERS)
            if "deletionTimestamp" not in pod["metadata"] and _is_ready(pod)
        }

    def change(self, **spec: object) -> Body:
        """Change the spec as a user does, and wait until that is served."""
        self.namespace.patch("nemo", "tiny", {"spec": spec})
        return self.wait_until_ready()

    def wait_until_ready(self) -> Body:
        """Wait, first in one process: to ask again and again takes from the engines a good part of a core."""
        self.namespace.kubectl("wait", "--for=condition=Ready", "nemo/tiny", f"--timeout={CHANGE_SECONDS}s")
        return self.namespace.wait_until_ready("tiny")


@pytest.fixture(scope="module")
def service(serving_plane: ControlPlane, hub: Hub) -> Iterator[LoadedService]:
    """Two replicas on one volume, asked from when their Service answers until the last test has ended."""
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
        served = Served(namespace, namespace.wait_until_ready("tiny", CHANGE_SECONDS))
        with served.connect() as client:
            # No verification came by the Service, so kube-proxy may not have heard of the pods yet.
            assert ["tiny"] == first_answer(lambda: [model.id for model in client.models.list()])
        with SteadyLoad(served.url, "tiny") as load:
            yield LoadedService(namespace, load)
    print(f"\n  in all: {load.describe()}")
    assert [] == [*load.list_lost(), *load.list_refused()]


@contextmanager
def nothing_is_lost(service: LoadedService, stopped: int, question: Question = ANSWER) -> Iterator[StoppingPods]:
    """Make sure that pods stop while they answer, so many of them, and that every answer of that time is whole.

    Each pod is asked one question more at its own address, whatever the Service gives it, until it was told to stop and
    has one to answer.
    """
    pods, first = service.list_ready(), len(service.load.outcomes)
    own = {name: SteadyLoad(f"http://{address}:{ENGINE_PORT}", "tiny", [question]) for name, address in pods.items()}
    stopping_names = set()

    def stop_asking(name: str) -> None:
        stopping_names.add(name)
        for asked, load in own.items():
            if asked == name or len(stopping_names) == stopped:
                load.stop_asking()

    with watch_stopping_pods(service.namespace, SERVERS, stop_asking) as stopping, ExitStack() as stack:
        for load in own.values():
            stack.enter_context(load)
        wait_until("every pod is asked", lambda: all(load.accepted for load in own.values()))
        wait_until("every engine answers", lambda: all(map(count_in_flight, pods.values())))
        yield stopping
        wait_until("they are told to stop", lambda: len(stopping.looks) >= stopped, CHANGE_SECONDS)
        gone = [f"pod/{name}" for name in list(stopping.looks)]
        service.namespace.kubectl("wait", "--for=delete", *gone, f"--timeout={CHANGE_SECONDS}s")
    print(f"\n  {stopping.describe(ENDPOINT_REMOVAL_SECONDS)}; {service.load.describe(first)}")
    assert stopped == len(stopping.looks)
    assert stopping.count_in_flight_at_stop() > 0
    assert [] == [lost for load in own.values() for lost in load.list_lost()]
    assert [] == [*service.load.list_lost(first), *service.load.list_refused(first)]


def test_an_eviction_loses_no_question_and_a_second_one_has_to_wait(service: LoadedService) -> None:
    """As a drain of their node does it, but for the node that stays, as there is no other here."""
    first, second = service.list_ready()
    with nothing_is_lost(service, stopped=1, question=LONG_ANSWER) as stopping:
        _evict(service.namespace, first)
        refusal = refusal_of(lambda: _evict(service.namespace, second))
    assert "would violate the pod's disruption budget" in refusal
    assert stopping.count_in_flight(ENDPOINT_REMOVAL_SECONDS) > 0


def test_a_rollout_in_place_loses_no_question(service: LoadedService) -> None:
    service.wait_until_ready()
    with nothing_is_lost(service, stopped=2):
        resource = service.change(rollout={"strategy": "Replace"}, engine={"maxNumSeqs": 3})
    assert "Replace" == resource["status"]["rollout"]["strategy"]


def test_a_scale_down_loses_no_question(service: LoadedService) -> None:
    with nothing_is_lost(service, stopped=1):
        service.namespace.kubectl("scale", "nemo/tiny", "--replicas=1")


def _evict(namespace: Namespace, pod: str) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace.name}}
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction"
    namespace.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction))


def _is_ready(pod: Body) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
