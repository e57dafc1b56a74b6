"""What a person does with a model that serves, by nemoctl, and what is said to them."""

from typing import Any

import pytest

from tests.support.cluster import Namespace, RunningOperator, wait_until, wait_until_alone
from tests.support.gpu_pool import GpuPool

pytestmark = pytest.mark.usefixtures("operator")

SERVERS = "nemotron.dev/component=server"
SMALL = {"tensor": 2}


def _staying_pods(namespace: Namespace) -> set[str]:
    return {pod["metadata"]["uid"] for pod in namespace.list_staying_pods(SERVERS)}


def _serve(pool: GpuPool, namespace: Namespace, **spec: object) -> dict[str, Any]:
    namespace.apply(pool.a_resource(parallelism=SMALL, **spec))
    status: dict[str, Any] = namespace.wait_until_ready()["status"]
    return status


def test_a_rollback_brings_back_the_spec_and_the_revision_and_history_tells_both(
    pool: GpuPool, namespace: Namespace
) -> None:
    pool.add_node()
    first = _serve(pool, namespace, engine={"maxModelLen": 4096})["servingRevision"]
    second = _serve(pool, namespace, engine={"maxModelLen": 8192}, replicas=2)["servingRevision"]

    tried = namespace.nemoctl("rollback", "nemotron", "-n", namespace.name, "--dry-run")
    unchanged = namespace.get("nemo", "nemotron")
    said = namespace.nemoctl("rollback", "nemotron", "-n", namespace.name, "--wait")
    back = namespace.get("nemo", "nemotron")
    history = namespace.nemoctl("history", "nemotron", "-n", namespace.name)

    assert unchanged is not None
    assert back is not None
    assert "this was a dry run" in tried
    assert 8192 == unchanged["spec"]["engine"]["maxModelLen"]
    assert (4096, 2) == (back["spec"]["engine"]["maxModelLen"], back["spec"]["replicas"])
    assert (first, first) == (back["status"]["desiredRevision"], back["status"]["servingRevision"])
    assert f"-> revision {first}, number 1" in said
    assert "spec.engine.maxModelLen" in said
    assert "'nemotron' is ready" in said
    (serving,) = (line for line in history.splitlines() if first in line)
    (former,) = (line for line in history.splitlines() if second in line)
    assert "serves" in serving
    assert "served" in former


def test_a_restart_makes_new_pods_of_the_same_kind(pool: GpuPool, namespace: Namespace) -> None:
    pool.add_node()
    _serve(pool, namespace)
    pods, deployment = _staying_pods(namespace), namespace.get("deployment", "nemotron")

    said = namespace.nemoctl("restart", "nemotron", "-n", namespace.name, "--wait")

    restarted = namespace.get("deployment", "nemotron")
    assert deployment is not None
    assert restarted is not None
    assert "its pods are replaced by the rollout strategy" in said
    assert "'nemotron' is ready" in said
    assert not pods & _staying_pods(namespace)
    key = "nemotron.dev/base-revision"
    assert deployment["metadata"]["annotations"][key] == restarted["metadata"]["annotations"][key]


def test_a_suspended_model_frees_its_gpus_and_resumes_with_the_same_revision(
    pool: GpuPool, namespace: Namespace
) -> None:
    pool.add_node()
    revision = _serve(pool, namespace)["servingRevision"]

    suspended = namespace.nemoctl("suspend", "nemotron", "-n", namespace.name, "--wait")
    pods = namespace.list("pod", SERVERS)  # one that is told to go has its GPUs until it ends
    resumed = namespace.nemoctl("resume", "nemotron", "-n", namespace.name, "--wait")

    status = (namespace.get("nemo", "nemotron") or {})["status"]
    assert "give back 2 GPUs" in suspended
    assert "No pod of 'nemotron' is left; its GPUs are free." in suspended
    assert [] == pods
    assert "'nemotron' is ready" in resumed
    assert (revision, revision) == (status["desiredRevision"], status["servingRevision"])


def test_a_restart_of_the_operator_looks_at_no_kept_revision_of_what_serves_as_it_should(
    pool: GpuPool, namespace: Namespace, operator: RunningOperator
) -> None:
    pool.add_node()
    _serve(pool, namespace)
    wait_until_alone(namespace)

    operator.component.stop()
    operator.restart()
    operator.wait_until_synced()
    namespace.kubectl("annotate", "nemo", "nemotron", "test/wake=1")
    namespace.kubectl("delete", "service", "nemotron", "--wait=false")
    wait_until("the operator has looked", lambda: namespace.get("service", "nemotron"))

    requests = {name: count for name, count in operator.read_metrics().items() if "api_requests_total" in name}
    assert any('kind="Service"' in name for name in requests)
    assert {} == {name: count for name, count in requests.items() if "ControllerRevision" in name and count}
