"""What goes wrong in a real engine is told in its own words, and what can come back comes back."""

import pytest

from lab.hub import Hub
from lab.images import run_ctr
from lab.operator_process import NAMESPACE
from lab.real_operator import tiny_resource
from lab.volumes import REAL_STORAGE_CLASS
from tests.node.serving.test_serving import QUESTION, START_SECONDS, Served
from tests.support.cluster import Body, Namespace, wait_until

SERVERS = "nemotron.dev/component=server"
OPERATORS = "app.kubernetes.io/name=nemotron-operator"

SIGNAL_ENGINE = """
import os, pathlib, signal, sys
found = 0
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        if b"EngineCore" in (process / "cmdline").read_bytes() and int(process.name) != os.getpid():
            os.kill(int(process.name), signal.Signals[sys.argv[1]])
            found += 1
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has ended meanwhile: an engine that starts runs many a short program
print(found)
"""
"""The engine names its process so (vllm/v1/engine/core.py)."""


def test_two_workers_share_a_model(namespace: Namespace, hub: Hub) -> None:
    """Through shared memory, /tmp and the limit on processes."""
    template = {"cpu": "100m", "memory": "5Gi"}
    namespace.apply(tiny_resource(hub, parallelism={"tensor": 2}, podTemplate=template, engine={"maxModelLen": 512}))
    served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
    assert 2 == served.resource["status"]["plan"]["gpusPerReplica"]
    completion = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=8)
    assert completion.choices[0].message.content


def test_a_path_without_a_model_is_told_before_a_gpu_is_taken(namespace: Namespace, hub: Hub) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "team-models"},
        "spec": {
            "storageClassName": REAL_STORAGE_CLASS,
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    resource = tiny_resource(hub)
    source = {"persistentVolumeClaim": {"claimName": "team-models", "path": "no-such-model"}}
    resource["spec"]["model"] = {"name": "nemotron-dev/tiny-llama-fp8", "source": source}
    del resource["spec"]["cache"]
    namespace.apply(claim, resource)

    stalled = wait_until("it stalls", lambda: namespace.condition("tiny", "Stalled"), START_SECONDS)

    assert "NoModel" == stalled["reason"]
    assert "no-such-model" in stalled["message"]
    assert [] == namespace.list("deployment")


@pytest.mark.parametrize("what", ["engine", "container"])
def test_what_is_killed_comes_back_whether_it_loads_or_serves(what: str, namespace: Namespace, hub: Hub) -> None:
    kill = {"engine": _kill_engine, "container": _kill_container}[what]
    namespace.apply(tiny_resource(hub))
    wait_until("the engine loads", lambda: _find_running_container(namespace), 180)
    wait_until("it is killed while it loads", lambda: kill(namespace), START_SECONDS)
    namespace.wait_until_ready("tiny", 2 * START_SECONDS)
    assert [1] == _count_restarts(namespace)

    assert kill(namespace)
    wait_until("it is not ready", lambda: _reason(namespace.condition("tiny", "Ready")) != "Serving", 60)
    namespace.wait_until_ready("tiny", 2 * START_SECONDS)
    assert [2] == _count_restarts(namespace)


def test_an_operator_that_is_killed_goes_on_and_restarts_no_engine(namespace: Namespace, hub: Hub) -> None:
    operators = Namespace(namespace.plane, NAMESPACE)
    restarts = _count_restarts(operators, OPERATORS)
    namespace.apply(tiny_resource(hub))
    wait_until("the engine loads", lambda: _find_running_container(namespace), 180)
    assert _kill_container(operators, OPERATORS)
    namespace.wait_until_ready("tiny", START_SECONDS)
    assert [count + 1 for count in restarts] == _count_restarts(operators, OPERATORS)

    service = namespace.get("service", "tiny")
    assert service is not None
    assert _kill_container(operators, OPERATORS)
    namespace.kubectl("delete", "service", "tiny")
    namespace.wait_until_replaced("service", service, 120)
    namespace.wait_until_ready("tiny", START_SECONDS)
    assert [0] == _count_restarts(namespace)


def _kill_engine(namespace: Namespace) -> bool:
    """Kill the engine's process in its container; tell whether there was one."""
    command = ("exec", "deployment/tiny", "--", "python", "-c", SIGNAL_ENGINE, "SIGKILL")
    return namespace.kubectl(*command).strip() != "0"


def _kill_container(namespace: Namespace, selector: str = SERVERS) -> bool:
    """Kill everything in the containers that run; tell whether there was one."""
    containers = _list_containers(namespace, selector)
    for container in containers:
        run_ctr(namespace.plane, "tasks", "kill", "--signal", "SIGKILL", container)
    return bool(containers)


def _reason(condition: dict[str, str] | None) -> str | None:
    return condition["reason"] if condition else None


def _find_running_container(namespace: Namespace) -> str | None:
    """Return containerd's name of the engine's container, once it runs."""
    return next(iter(_list_containers(namespace, SERVERS)), None)


def _list_containers(namespace: Namespace, selector: str) -> list[str]:
    """List containerd's names of the containers that run."""
    return [
        status["containerID"].removeprefix("containerd://")
        for pod in namespace.list("pod", selector)
        for status in _containers(pod)
        if "running" in status["state"]
    ]


def _containers(pod: Body) -> list[Body]:
    statuses: list[Body] = pod["status"].get("containerStatuses", [])
    return statuses


def _count_restarts(namespace: Namespace, selector: str = SERVERS) -> list[int]:
    return [status["restartCount"] for pod in namespace.list("pod", selector) for status in _containers(pod)]
