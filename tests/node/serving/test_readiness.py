"""Ready means answered, and busy is not hung: the rendered pod with a real engine, less patient than in earnest."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.images import run_ctr
from lab.real_operator import tiny_resource
from lab.volumes import REAL_STORAGE_CLASS
from nemotron_operator.render.pods import ENGINE_CONTAINER, PROBE_CONTAINER
from tests.node.serving.conftest import a_namespace
from tests.node.serving.test_serving import START_SECONDS
from tests.node.serving.test_trouble import SIGNAL_ENGINE
from tests.support.cluster import Body, Namespace, wait_until
from tests.support.steady_load import Question, SteadyLoad
from tests.support.stopping_pods import count_in_flight
from tests.support.web_server import fetch

STALL_SECONDS, HANG_SECONDS = 6, 12
"""In earnest minutes, which a test cannot wait."""

BUSY_SECONDS = 20
"""Longer than the budgets and the kubelet's patience together."""

BUSY_QUESTIONS = [Question(300)] * 3
"""For an engine that answers one at a time."""

PROBE_SHARE_OF_CORE = 0.05
"""Far more than the probe takes, on any machine; the figure itself is printed."""


@dataclass(frozen=True)
class ServingPod:
    """One pod as the operator renders it, on its own."""

    namespace: Namespace
    name: str

    def read(self) -> Body:
        """Read it."""
        pod = self.namespace.get("pod", self.name)
        assert pod is not None
        return pod

    @property
    def address(self) -> str:
        """Its own, past any Service."""
        address: str = self.read()["status"]["podIP"]
        return address

    @property
    def url(self) -> str:
        """The engine's."""
        return f"http://{self.address}:8000"

    @property
    def is_ready(self) -> bool:
        """Whether a Service would lead to it."""
        conditions = self.read()["status"].get("conditions", [])
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    def container(self, name: str) -> Body:
        """Read the status of a container."""
        status = self.read()["status"]
        statuses: list[Body] = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        return next(container for container in statuses if container["name"] == name)

    def count_restarts(self) -> dict[str, int]:
        """Count how often each of the two was started again."""
        return {name: self.container(name)["restartCount"] for name in (ENGINE_CONTAINER, PROBE_CONTAINER)}

    def count_answered(self) -> int:
        """Count what the engine says that it has answered."""
        lines = [line for line in fetch(f"{self.url}/metrics").splitlines() if line.startswith("vllm:request_success")]
        return int(sum(float(line.rpartition(" ")[2]) for line in lines))

    def count_cpu_nanoseconds(self, container: str) -> int:
        """Read how much of the processors a container took, from the kernel of this machine."""
        identity = self.container(container)["containerID"].removeprefix("containerd://")
        groups = [path for path in Path("/sys/fs/cgroup").rglob(identity) if path.is_dir()]
        return next(nanoseconds for group in groups if (nanoseconds := _read_cpu(group)) is not None)

    def signal_engine(self, signal: str) -> None:
        """Send a signal to the process that has the model."""
        command = ("exec", self.name, f"--container={ENGINE_CONTAINER}", "--", "python", "-c", SIGNAL_ENGINE, signal)
        assert "1" == self.namespace.kubectl(*command).strip()


def _read_cpu(group: Path) -> int | None:
    """Read it from a control group of either version; None in a hierarchy of version 1 that does not count it."""
    usage, statistics = group / "cpuacct.usage", group / "cpu.stat"
    if usage.exists():
        return int(usage.read_text())
    lines = statistics.read_text().splitlines() if statistics.exists() else []
    microseconds = [int(line.split()[1]) for line in lines if line.startswith("usage_usec ")]
    return microseconds[0] * 1000 if microseconds else None


def less_patient(template: Body) -> Body:
    """Make one pod of a Deployment's template, whose probe waits for seconds instead of minutes."""
    metadata, spec = {**template["metadata"], "name": "pod", "labels": {}}, template["spec"]
    budgets = {"--stall-seconds": STALL_SECONDS, "--hang-seconds": HANG_SECONDS}
    probes = [
        {**each, "args": _replace(each["args"], budgets)} if each["name"] == PROBE_CONTAINER else each
        for each in spec["initContainers"]
    ]
    (engine,) = spec["containers"]
    engine = {**engine, "livenessProbe": {**engine["livenessProbe"], "periodSeconds": 2, "failureThreshold": 2}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**spec, "initContainers": probes, "containers": [engine]},
    }


def _replace(arguments: list[str], values: Mapping[str, int]) -> list[str]:
    """Give options of the form `--name=value` other values; all of them have to be there."""
    names = [argument.partition("=")[0] for argument in arguments]
    assert values.keys() <= set(names)
    return [f"{name}={values[name]}" if name in values else old for name, old in zip(names, arguments, strict=True)]


@pytest.fixture(scope="module")
def pod(serving_plane: ControlPlane, hub: Hub) -> Iterator[ServingPod]:
    """A pod of a resource that itself has no replica."""
    engine: dict[str, Any] = {"maxNumSeqs": 1, "sampling": {"maxTokens": 2000}}
    # A volume for one node would want the resource's own pods beside it.
    cache = {"size": "1Gi", "storageClassName": REAL_STORAGE_CLASS, "accessModes": ["ReadWriteMany"]}
    with a_namespace(serving_plane) as namespace:
        namespace.apply(tiny_resource(hub, replicas=0, engine=engine, cache=cache))
        deployment = wait_until("it is rendered", lambda: namespace.get("deployment", "tiny"), START_SECONDS)
        namespace.apply(less_patient(deployment["spec"]["template"]))
        made = ServingPod(namespace, "pod")
        yield made
        print(namespace.kubectl("logs", "pod", f"--container={PROBE_CONTAINER}", "--tail=50"))


def test_a_pod_is_ready_only_after_an_answer(pod: ServingPod) -> None:
    """Nobody else asks it: what it has answered then, it has answered to its probe."""
    wait_until("it is ready", lambda: pod.is_ready, START_SECONDS)
    assert pod.count_answered() >= 1


def test_an_engine_that_has_more_to_do_than_it_can_stays_ready(pod: ServingPod) -> None:
    was_ready, in_flight = set(), []
    with SteadyLoad(pod.url, "tiny", BUSY_QUESTIONS) as load:
        began_at, began_with = time.monotonic(), pod.count_cpu_nanoseconds(PROBE_CONTAINER)
        while time.monotonic() - began_at < BUSY_SECONDS:
            time.sleep(1)
            was_ready.add(pod.is_ready)
            in_flight.append(count_in_flight(pod.address) or 0)
        seconds = time.monotonic() - began_at
        share = (pod.count_cpu_nanoseconds(PROBE_CONTAINER) - began_with) / 1e9 / seconds
    print(f"\n  the probe took {share:.2%} of a core for {seconds:.0f} s; {load.describe()}")
    assert [] == load.list_lost()
    assert {True} == was_ready
    assert max(in_flight) > 1
    assert {ENGINE_CONTAINER: 0, PROBE_CONTAINER: 0} == pod.count_restarts()
    assert share < PROBE_SHARE_OF_CORE


def test_a_probe_that_ends_comes_back_and_restarts_no_engine(pod: ServingPod) -> None:
    run_ctr(
        pod.namespace.plane,
        *("tasks", "kill", "--signal", "SIGKILL"),
        pod.container(PROBE_CONTAINER)["containerID"].removeprefix("containerd://"),
    )
    expected = {ENGINE_CONTAINER: 0, PROBE_CONTAINER: 1}
    wait_until("the probe is back", lambda: expected == pod.count_restarts(), seconds=60)
    wait_until("it says that the engine is ready", lambda: _report(pod)["state"] == "ready", seconds=60)
    assert expected == pod.count_restarts()


def test_an_engine_that_stands_still_is_not_ready_and_then_started_again(pod: ServingPod) -> None:
    wait_until("it is ready", lambda: pod.is_ready, seconds=60)
    with SteadyLoad(pod.url, "tiny", [Question(2000)]):
        wait_until("it answers", lambda: count_in_flight(pod.address), seconds=30)
        pod.signal_engine("SIGSTOP")
        wait_until("it is not ready", lambda: not pod.is_ready, seconds=90)
        assert 0 == pod.count_restarts()[ENGINE_CONTAINER]
        assert _report(pod)["state"] in {"stalled", "hung"}
        wait_until("it is started again", lambda: pod.count_restarts()[ENGINE_CONTAINER] == 1, seconds=120)
    wait_until("it is ready", lambda: pod.is_ready, START_SECONDS)
    assert pod.count_answered() >= 1


def _report(pod: ServingPod) -> dict[str, str]:
    """Ask the probe what it thinks; nothing while it does not run."""
    try:
        report: dict[str, str] = json.loads(fetch(f"http://{pod.address}:8088/report"))
    except OSError:
        return {"state": ""}
    return report
