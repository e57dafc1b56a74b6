from typing import Any

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.fleet import FleetReader
from nemotron_operator.cluster.kinds import NEMOTRON, POD
from nemotron_operator.render.pods import GROUP_KEY_LABEL
from nemotron_operator.runtime.fleet_metrics import ConditionReport, GpuCounts, ResourceReport
from tests.support.fixtures.deployments import FP8, a_deployment
from tests.support.fixtures.live_objects import a_live_pod, condition

GPU = "nvidia.com/gpu"

PLAN = {"model": "org/planned", "accelerator": "H100-80GB", "gpusPerReplica": 8, "gpus": 16}


def a_gpu_pod(
    name: str,
    gpus: int = 8,
    *,
    node: str = "h100-0",
    resource: str = GPU,
    group: str = "",
    **more: Any,  # noqa: ANN401 - any argument of a_live_pod
) -> dict[str, Any]:
    pod = a_live_pod(name, **more)
    pod["spec"] = {"containers": [{"name": "vllm", "resources": {"limits": {resource: str(gpus)}}}]}
    if node:
        pod["spec"]["nodeName"] = node
    if group:
        pod["metadata"]["labels"][GROUP_KEY_LABEL] = group
    return pod


def report(
    *pods: dict[str, Any], status: dict[str, Any] | None = None, resources: tuple[str, ...] = (GPU,)
) -> ResourceReport:
    cache = ObjectCache()
    cache.upsert(NEMOTRON, a_deployment().with_status({} if status is None else status).body)
    for pod in pods:
        cache.upsert(POD, pod)
    (told,) = FleetReader(cache, resources).report_all()
    return told


def gpus_of(*pods: dict[str, Any], resources: tuple[str, ...] = (GPU,)) -> tuple[float, float]:
    told = report(*pods, resources=resources).gpus
    return told.requested, told.ready


def test_a_resource_is_reported_with_its_plan_and_conditions() -> None:
    ready, foreign = condition("Ready", "False", "Loading", "words"), condition("Policy.example.com", reason="Fine")
    expected = ResourceReport(
        namespace="team",
        name="nemotron",
        model="org/planned",
        accelerator="H100-80GB",
        conditions=(ConditionReport("Ready", "False", "Loading"),),
        gpus=GpuCounts(desired=16),
    )
    assert expected == report(status={"plan": PLAN, "conditions": [ready, foreign]})


def test_a_resource_without_a_plan_desires_no_gpu_and_names_what_was_asked() -> None:
    told = report()
    assert (FP8, "", 0, ()) == (told.model, told.accelerator, told.gpus.desired, told.conditions)


def test_a_pod_without_a_node_holds_nothing() -> None:
    assert (0, 0) == gpus_of(a_gpu_pod("waits", node="", phase="Pending"))


def test_a_pod_holds_its_gpus_from_its_node_on_and_serves_once_it_is_ready() -> None:
    assert (8, 0) == gpus_of(a_gpu_pod("loads"))
    assert (16, 8) == gpus_of(a_gpu_pod("loads"), a_gpu_pod("serves", ready=True))


def test_a_pod_that_ended_holds_nothing() -> None:
    assert (0, 0) == gpus_of(a_gpu_pod("evicted", phase="Failed"), a_gpu_pod("done", phase="Succeeded"))


def test_a_pod_that_goes_is_paid_until_it_is_gone_and_serves_nobody() -> None:
    leaving = a_gpu_pod("leaving", ready=True)
    leaving["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    assert (8, 0) == gpus_of(leaving)


def test_a_pod_that_is_led_serves_when_its_leader_does() -> None:
    worker = a_gpu_pod("w", component="worker", ready=True, group="g1")
    assert (16, 0) == gpus_of(a_gpu_pod("leader", group="g1"), worker)
    assert (16, 16) == gpus_of(a_gpu_pod("leader", group="g1", ready=True), worker)
    assert (16, 8) == gpus_of(a_gpu_pod("leader", group="g2", ready=True), worker)


def test_every_resource_of_the_profiles_counts_as_gpu_and_no_other() -> None:
    pods = [a_gpu_pod("a", 2, resource="example.com/slice"), a_gpu_pod("b", 4), a_gpu_pod("c", 64, resource="cpu")]
    assert (6, 0) == gpus_of(*pods, resources=(GPU, "example.com/slice"))


def test_pods_that_do_not_serve_count_for_no_model() -> None:
    assert (0, 0) == gpus_of(a_gpu_pod("verifies", component="verification", ready=True))


def test_what_is_reported_anew_is_read_again_and_what_was_deleted_is_gone() -> None:
    cache = ObjectCache()
    body = a_deployment().with_status({"plan": PLAN}).body
    cache.upsert(NEMOTRON, body)
    reader = FleetReader(cache, [GPU])
    seen = [reader.report_all()]
    for version, ready in ((1, False), (2, True)):
        pod = a_gpu_pod("pod", ready=ready)
        pod["metadata"]["resourceVersion"] = str(version)
        cache.upsert(POD, pod)
        seen += [reader.report_all(), reader.report_all()]
    cache.remove(POD, pod)
    seen.append(reader.report_all())
    cache.remove(NEMOTRON, body)
    expected = [(16, 0, 0), (16, 8, 0), (16, 8, 0), (16, 8, 8), (16, 8, 8), (16, 0, 0)]
    assert expected == [report.gpus for (report,) in seen]
    assert [] == reader.report_all()
