"""What goes wrong in a real engine is told in its own words, and what can come back comes back."""

from lab.hub import Hub
from lab.images import run_ctr
from lab.real_operator import tiny_resource
from lab.volumes import REAL_STORAGE_CLASS
from tests.node.serving.conftest import MakeNamespace
from tests.node.serving.test_serving import QUESTION, START_SECONDS, Served
from tests.support.cluster import Namespace, wait_until

SERVERS = "nemotron.dev/component=server"

KILL_ENGINE = """
import os, pathlib, signal
for process in pathlib.Path("/proc").glob("[0-9]*"):
    if b"EngineCore" in (process / "cmdline").read_bytes() and int(process.name) != os.getpid():
        os.kill(int(process.name), signal.SIGKILL)
"""
"""The engine names its process so (vllm/v1/engine/core.py)."""


def test_two_workers_share_a_model(make_namespace: MakeNamespace, hub: Hub) -> None:
    """Through shared memory, /tmp and the limit on processes."""
    namespace = make_namespace()
    template = {"cpu": "100m", "memory": "5Gi"}
    namespace.apply(tiny_resource(hub, parallelism={"tensor": 2}, podTemplate=template, engine={"maxModelLen": 512}))
    served = Served(namespace, namespace.wait_until_ready("tiny", START_SECONDS))
    assert 2 == served.resource["status"]["plan"]["gpusPerReplica"]
    completion = served.connect().chat.completions.create(model="tiny", messages=QUESTION, max_tokens=8)
    assert completion.choices[0].message.content


def test_a_path_without_a_model_is_told_in_the_engines_words(make_namespace: MakeNamespace, hub: Hub) -> None:
    namespace = make_namespace()
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

    assert "/models/no-such-model" in stalled["message"]


def test_an_engine_that_is_killed_while_it_serves_comes_back(make_namespace: MakeNamespace, hub: Hub) -> None:
    namespace = make_namespace()
    namespace.apply(tiny_resource(hub))
    namespace.wait_until_ready("tiny", START_SECONDS)

    namespace.kubectl("exec", "deployment/tiny", "--", "python", "-c", KILL_ENGINE)

    wait_until("it is not ready", lambda: _reason(namespace.condition("tiny", "Ready")) != "Serving", 60)
    namespace.wait_until_ready("tiny", START_SECONDS)
    assert [1] == _count_restarts(namespace)


def test_a_container_that_is_killed_while_it_loads_comes_back(make_namespace: MakeNamespace, hub: Hub) -> None:
    namespace = make_namespace()
    namespace.apply(tiny_resource(hub))
    container = wait_until("the engine loads", lambda: _find_running_container(namespace), 180)

    run_ctr(namespace.plane, "tasks", "kill", "--signal", "SIGKILL", container)

    namespace.wait_until_ready("tiny", START_SECONDS)
    assert [1] == _count_restarts(namespace)


def _reason(condition: dict[str, str] | None) -> str | None:
    return condition["reason"] if condition else None


def _find_running_container(namespace: Namespace) -> str | None:
    """Return containerd's name of the engine's container, once it runs."""
    for pod in namespace.list("pod", SERVERS):
        for status in pod["status"].get("containerStatuses", []):
            if "running" in status["state"]:
                return str(status["containerID"]).removeprefix("containerd://")
    return None


def _count_restarts(namespace: Namespace) -> list[int]:
    return [pod["status"]["containerStatuses"][0]["restartCount"] for pod in namespace.list("pod", SERVERS)]
