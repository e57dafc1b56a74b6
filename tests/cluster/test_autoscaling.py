"""The real HorizontalPodAutoscaler controller scales on the engines' metrics, and the operator leaves that to it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control_plane import ControlPlane
from lab.optional_apis import install_apis
from nemotron_operator.render.scaler import render_scaler
from tests.support.cluster import Body, Namespace, RunningOperator, a_resource, wait_until
from tests.support.custom_metrics import CustomMetrics, serve_custom_metrics
from tests.support.fixtures.plans import facts_when_cached, plan
from tests.support.fixtures.scaling import KEDA_CONFIG, scaled, scaled_to_zero

WAITING = "vllm_num_requests_waiting"
KV_CACHE = "vllm_kv_cache_usage_perc"


@pytest.fixture(scope="module")
def metrics(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CustomMetrics]:
    folder: Path = tmp_path_factory.mktemp("custom-metrics")
    with serve_custom_metrics(plane, folder) as served:
        yield served


def _scaled(by: str = "HorizontalPodAutoscaler", **autoscaling: object) -> Body:
    """Make a resource that a scaler takes from one to three replicas and back without delay."""
    settings = {"by": by, "maxReplicas": 3, "scaleDownDelaySeconds": 0, **autoscaling}
    return a_resource(autoscaling=settings, verification={"mode": "Never"})


def _list_pods(namespace: Namespace) -> list[str]:
    return [pod["metadata"]["name"] for pod in namespace.list("pod", "nemotron.dev/component=server")]


def _replicas(namespace: Namespace) -> int:
    server = namespace.get("deployment", "nemotron")
    assert server is not None
    return int(server["spec"]["replicas"])


def _generation(namespace: Namespace) -> int:
    server = namespace.get("deployment", "nemotron")
    assert server is not None
    return int(server["metadata"]["generation"])


def _wait_for_replicas(namespace: Namespace, number: int) -> None:
    def is_there() -> bool:
        resource = namespace.get("nemo", "nemotron")
        assert resource is not None
        return bool(_replicas(namespace) == number == resource["status"]["readyReplicas"])

    wait_until(f"{number} replicas serve", is_there)


def _load(metrics: CustomMetrics, namespace: Namespace, waiting: str) -> None:
    """Let so many requests wait at each engine that runs now."""
    pods = _list_pods(namespace)
    metrics.tell(namespace.name, WAITING, dict.fromkeys(pods, waiting))
    metrics.tell(namespace.name, KV_CACHE, dict.fromkeys(pods, "100m"))


def test_replicas_follow_the_load_and_the_operator_leaves_them_alone(
    namespace: Namespace, operator: RunningOperator, metrics: CustomMetrics
) -> None:
    namespace.apply(_scaled())
    since = namespace.wait_until_ready()["status"]["conditions"]
    missing = namespace.wait_for_reason("nemotron", "Autoscaled", "MetricsNotFound")
    assert f"unable to get metric {WAITING}" in missing["message"]

    _load(metrics, namespace, "15")  # three times what one replica shall bear
    _wait_for_replicas(namespace, 3)
    scaling = namespace.wait_for_reason("nemotron", "Autoscaled", "Scaling")
    assert "3 replicas of 1 to 3" in scaling["message"]
    resource = namespace.get("nemo", "nemotron")
    assert resource is not None
    assert (6, 3, 1) == (
        resource["status"]["plan"]["gpus"],
        resource["status"]["replicas"],
        resource["spec"]["replicas"],
    )
    assert _ready_since(since) == _ready_since(resource["status"]["conditions"])

    _load(metrics, namespace, "5")
    namespace.patch("nemo", "nemotron", {"spec": {"podTemplate": {"labels": {"team": "a"}}}})  # other pods
    namespace.wait_for_reason("nemotron", "Ready", "RollingOut")
    namespace.wait_for_reason("nemotron", "Ready", "Serving")
    _load(metrics, namespace, "5")
    _wait_for_replicas(namespace, 3)
    operator.component.stop()
    operator.restart()
    operator.wait_until_synced()
    writes = operator.count_writes()
    _wait_for_replicas(namespace, 3)
    assert (3, 0) == (_replicas(namespace), operator.count_writes() - writes)

    _load(metrics, namespace, "0")
    _wait_for_replicas(namespace, 1)

    namespace.patch("nemo", "nemotron", {"spec": {"replicas": 2, "autoscaling": None}})
    _wait_for_replicas(namespace, 2)
    assert namespace.get("hpa", "nemotron") is None
    assert namespace.condition("nemotron", "Autoscaled") is None


def _ready_since(conditions: list[Body]) -> str:
    (since,) = [condition["lastTransitionTime"] for condition in conditions if condition["type"] == "Ready"]
    return str(since)


def test_scale_of_the_resource_is_kept_for_later_and_suspending_stops_the_scaler(
    namespace: Namespace, operator: RunningOperator, metrics: CustomMetrics
) -> None:
    del operator
    namespace.apply(_scaled(minReplicas=2))
    namespace.wait_until_ready()
    _load(metrics, namespace, "1")
    _wait_for_replicas(namespace, 2)
    assert 2 == _generation(namespace)  # made, and the number given away as it was: nobody had to put it back

    namespace.kubectl("scale", "nemotrondeployment", "nemotron", "--replicas=3")
    told = wait_until("it is told", lambda: _find_words(namespace, "spec.replicas (3) is not used"))
    assert (2, True) == (_replicas(namespace), told)

    namespace.patch("nemo", "nemotron", {"spec": {"suspend": True}})
    namespace.wait_for_reason("nemotron", "Ready", "Suspended")
    wait_until("no pod is left", lambda: not _list_pods(namespace))
    assert (0, None) == (_replicas(namespace), namespace.get("hpa", "nemotron"))
    claim = namespace.list("pvc")
    assert 1 == len(claim)

    namespace.patch("nemo", "nemotron", {"spec": {"suspend": False}})
    _wait_for_replicas(namespace, 2)


def _find_words(namespace: Namespace, words: str) -> bool:
    condition = namespace.condition("nemotron", "Autoscaled")
    return condition is not None and words in condition["message"]


def test_keda_is_waited_for_and_may_scale_to_zero_and_back(
    namespace: Namespace, operator: RunningOperator, plane: ControlPlane
) -> None:
    del operator
    namespace.apply(_scaled("KEDA", minReplicas=0, activation={"query": "sum(queue)"}))
    namespace.wait_for_reason("nemotron", "Autoscaled", "ApiNotInstalled")
    stalled = namespace.wait_for_reason("nemotron", "Stalled", "ApiNotInstalled")
    assert "Install KEDA" in stalled["message"]

    install_apis(plane, ["keda"])
    _check_strictly(namespace)
    namespace.wait_until_ready()
    told = wait_until("there is a ScaledObject", lambda: namespace.get("scaledobject", "nemotron"))
    assert (0, 3, 3) == (
        told["spec"]["minReplicaCount"],
        told["spec"]["maxReplicaCount"],
        len(told["spec"]["triggers"]),
    )

    _say(namespace, "Ready", "False", "TriggerError", "Triggers defined in ScaledObject are not working correctly")
    missing = namespace.wait_for_reason("nemotron", "Autoscaled", "MetricsNotFound")
    assert "TriggerError: Triggers defined in ScaledObject" in missing["message"]
    namespace.change_until_repaired("scaledobject")
    _say(namespace, "Ready", "True", "ScaledObjectReady", "ScaledObject is defined correctly")
    namespace.wait_for_reason("nemotron", "Autoscaled", "Scaling")

    before = _generation(namespace)
    namespace.kubectl("scale", "deployment", "nemotron", "--replicas=0")  # as KEDA does, by the same subresource
    at_zero = namespace.wait_for_reason("nemotron", "Ready", "ScaledToZero")
    wait_until("no pod is left", lambda: not _list_pods(namespace))
    available = namespace.condition("nemotron", "Available")
    assert available is not None
    assert ("True", "False", "ScaledToZero") == (at_zero["status"], available["status"], available["reason"])
    assert namespace.condition("nemotron", "Reconciling") is None
    assert namespace.condition("nemotron", "Stalled") is None

    namespace.kubectl("scale", "deployment", "nemotron", "--replicas=1")
    namespace.wait_until_ready()
    assert (1, before + 2) == (_replicas(namespace), _generation(namespace))  # nobody else wrote

    namespace.patch("nemo", "nemotron", {"spec": {"suspend": True}})
    namespace.wait_for_reason("nemotron", "Ready", "Suspended")
    assert (None, 0) == (namespace.get("scaledobject", "nemotron"), _replicas(namespace))

    by_autoscaler = {"by": "HorizontalPodAutoscaler", "minReplicas": 1, "activation": None}
    namespace.patch("nemo", "nemotron", {"spec": {"suspend": False, "autoscaling": by_autoscaler}})
    namespace.wait_until_ready()
    namespace.change_until_repaired("hpa")


def _check_strictly(namespace: Namespace) -> None:
    """Let the API server refuse every field that KEDA's definition does not have."""
    for deployment in (scaled(2, by="KEDA"), scaled_to_zero()):
        scaler = render_scaler(plan(deployment, facts_when_cached(deployment), KEDA_CONFIG))
        assert scaler is not None
        body = {**scaler, "metadata": {**scaler["metadata"], "namespace": namespace.name, "name": "strict"}}
        namespace.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=json.dumps(body))


def _say(namespace: Namespace, kind: str, status: str, reason: str, message: str) -> None:
    """Let the ScaledObject have a condition, as KEDA writes it."""
    condition = {"type": kind, "status": status, "reason": reason, "message": message}
    patch = json.dumps({"status": {"conditions": [condition]}})
    namespace.kubectl("patch", "scaledobject", "nemotron", "--subresource=status", "--type=merge", "-p", patch)
