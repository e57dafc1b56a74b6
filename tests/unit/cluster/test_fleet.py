from typing import Any

import pytest

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.fleet import FleetReader
from nemotron_operator.cluster.kinds import DEPLOYMENT, LEADER_WORKER_SET, NEMOTRON, POD, ApiKind
from nemotron_operator.plan.names import name_groups
from nemotron_operator.render.pods import GROUP_KEY_LABEL
from nemotron_operator.runtime.fleet_metrics import ConditionReport, GpuCounts, ResourceReport
from tests.support.fixtures.deployments import FP8, a_deployment
from tests.support.fixtures.live_objects import a_live_pod, child_labels, condition

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


def a_template(gpus: int) -> dict[str, Any]:
    containers = [{"name": "vllm", "resources": {"limits": {GPU: str(gpus)}}}, {"name": "sidecar"}]
    return {"metadata": {"labels": {}}, "spec": {"containers": containers}}


def a_server(name: str = "nemotron", replicas: int = 2, *, ends: bool = False, **spec: object) -> dict[str, Any]:
    made = spec or {"template": a_template(8)}
    ending = {"deletionTimestamp": "2026-11-24T08:00:00Z"} if ends else {}
    metadata = {"namespace": "team", "name": name, "labels": child_labels(), **ending}
    return {"metadata": metadata, "spec": {"replicas": replicas, **made}}


def desired_of(kind: ApiKind, server: dict[str, Any], status: dict[str, Any] | None = None, **spec: object) -> float:
    cache, body = ObjectCache(), a_deployment().with_status(status or {}).body
    cache.upsert(NEMOTRON, {**body, "spec": {**body["spec"], **spec}})
    cache.upsert(kind, server)
    (told,) = FleetReader(cache, (GPU,)).report_all()
    return told.gpus.desired


def test_what_goes_on_while_a_changed_spec_is_refused_is_desired() -> None:
    assert 16 == desired_of(DEPLOYMENT, a_server())


def test_of_a_group_its_leader_and_those_that_it_leads_are_desired() -> None:
    groups = {"size": 3, "leaderTemplate": a_template(8), "workerTemplate": a_template(4)}
    server = a_server(name_groups("nemotron"), leaderWorkerTemplate=groups)
    assert 32 == desired_of(LEADER_WORKER_SET, server)


@pytest.mark.parametrize("spec", [{"suspend": True}, {"replicas": 0}], ids=str)
def test_what_is_not_to_serve_is_not_desired_although_its_spec_is_refused(spec: dict[str, Any]) -> None:
    assert 0 == desired_of(DEPLOYMENT, a_server(), **spec)


def test_replicas_that_a_scaler_decides_about_are_desired_whatever_the_spec_says() -> None:
    assert 16 == desired_of(DEPLOYMENT, a_server(), replicas=0, autoscaling={"maxReplicas": 4})


def test_what_is_on_its_way_out_is_not_desired() -> None:
    assert 0 == desired_of(DEPLOYMENT, a_server(ends=True))


def test_what_is_somebody_elses_is_not_desired() -> None:
    server = a_server()
    server["metadata"]["labels"] = child_labels("another")
    assert 0 == desired_of(DEPLOYMENT, server)


def test_a_plan_counts_before_what_is_there() -> None:
    assert 0 == desired_of(DEPLOYMENT, a_server(), {"plan": {**PLAN, "gpus": 0}})


def test_another_number_of_replicas_is_read_again() -> None:
    cache = ObjectCache()
    cache.upsert(NEMOTRON, a_deployment().with_status({}).body)
    reader, seen = FleetReader(cache, (GPU,)), []
    for version, replicas in ((1, 2), (2, 1)):
        server = a_server(replicas=replicas)
        server["metadata"]["resourceVersion"] = str(version)
        cache.upsert(DEPLOYMENT, server)
        seen += [report.gpus.desired for report in reader.report_all()]
    assert [16, 8] == seen


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
