"""Rollouts through the whole pipeline: what is kept, what changes pods and what does not, and the way back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nemotron_operator.cluster.kinds import CLAIM, CONTROLLER_REVISION, DEPLOYMENT, JOB, NEMOTRON, NODE, POD
from nemotron_operator.config import OperatorConfig
from nemotron_operator.errors import ConflictError
from nemotron_operator.termination.outcome import render_line
from tests.support.fixtures.deployments import BF16, DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import (
    UID,
    a_container,
    a_finished_cache_pod,
    a_live_pod,
    condition,
    controlled_by,
)
from tests.support.fixtures.plans import CONFIG, config_with_default_profile
from tests.unit.test_reconcile import DOWNLOADED, Cluster, serving_cluster

JSON = dict[str, Any]

ANOTHER_RENDER = config_with_default_profile(engine_env={"NEW_DEFAULT": "1"})
"""A configuration that renders other pods for the same spec, as another version of the operator might."""

CRASHING = a_container("vllm", 5, waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 1, "reason": "Error"})
NO_GPUS = condition("PodScheduled", "False", "Unschedulable", "0/4 nodes are available: 4 Insufficient nvidia.com/gpu.")
AT_NOON = "2026-11-24T12:00:00Z"


def upgrade(cluster: Cluster, config: OperatorConfig = ANOTHER_RENDER) -> None:
    """Start another version of the operator."""
    cluster.restart()
    cluster.reconciler = replace(cluster.reconciler, config=config)


def annotate(cluster: Cluster, **annotations: str | None) -> None:
    live = cluster.find(NEMOTRON)
    named = {f"nemotron.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
    merged = {**(live["metadata"].get("annotations") or {}), **named}
    kept = {name: value for name, value in merged.items() if value is not None}
    cluster.gateway.put(NEMOTRON, {**live, "metadata": {**live["metadata"], "annotations": kept}})


def template_of(cluster: Cluster) -> JSON:
    template: JSON = cluster.find(DEPLOYMENT)["spec"]["template"]
    return template


def revision_of(cluster: Cluster) -> str:
    revision: str = template_of(cluster)["metadata"]["labels"]["nemotron.dev/revision"]
    return revision


def status_of(cluster: Cluster) -> JSON:
    status: JSON = cluster.find(NEMOTRON)["status"]
    return status


def message_of(cluster: Cluster, kind: str) -> str:
    conditions = {found["type"]: found for found in status_of(cluster)["conditions"]}
    message: str = conditions[kind]["message"]
    return message


def list_conditions(cluster: Cluster) -> set[str]:
    return {found["type"] for found in status_of(cluster)["conditions"]}


def list_records(cluster: Cluster) -> list[JSON]:
    return [body for (kind, _), body in cluster.gateway.objects.items() if kind is CONTROLLER_REVISION]


def lose_records(cluster: Cluster) -> None:
    for record in list_records(cluster):
        cluster.gateway.take(CONTROLLER_REVISION, "team", record["metadata"]["name"])


def settle(cluster: Cluster) -> None:
    """Reconcile until nothing is written any more."""
    for _ in range(10):
        if not cluster.reconcile():
            return
    raise AssertionError("it never comes to rest")


def serve(cluster: Cluster, replicas: int = 1) -> None:
    """Let the pods of the Deployment serve and answer."""
    cluster.serve(replicas)
    cluster.reconcile()
    if cluster.list_jobs("verification"):
        cluster.answer()
    settle(cluster)


def crash(cluster: Cluster) -> None:
    """Let the pods of the Deployment crash, with no other left."""
    cluster.gateway.put(POD, a_live_pod("nemotron-0", revision=revision_of(cluster), containers=[CRASHING]))


def a_node(name: str, gpus: int) -> JSON:
    labels = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
    conditions = [condition("Ready")]
    status = {"allocatable": {"nvidia.com/gpu": str(gpus)}, "conditions": conditions}
    return {"kind": "Node", "metadata": {"name": name, "namespace": "", "labels": labels}, "status": status}


def count_reads(cluster: Cluster, *kinds: str) -> int:
    return sum(kind in kinds for _, kind in cluster.gateway.reads)


def test_what_was_rendered_is_kept_with_its_spec_before_it_is_applied() -> None:
    cluster = serving_cluster()
    (record,) = list_records(cluster)
    revision = revision_of(cluster)
    assert (f"nemotron-{revision}", 1) == (record["metadata"]["name"], record["revision"])
    assert a_deployment().body["spec"] == record["data"]["spec"]
    assert template_of(cluster)["spec"] == record["data"]["template"]["spec"]
    creations = [kind for verb, kind, _ in cluster.gateway.writes if verb == "create"]
    assert creations.index("ControllerRevision") < creations.index("Deployment")


def test_what_is_kept_says_once_that_it_served() -> None:
    cluster = serving_cluster()
    (record,) = list_records(cluster)
    assert "2026-11-24T08:00:00Z" == record["metadata"]["annotations"]["nemotron.dev/served-at"]
    assert 1 == [verb for verb, kind, _ in cluster.gateway.writes if kind == "ControllerRevision"].count("annotate")


def test_at_rest_nobody_reads_what_is_kept_nor_nodes_nor_all_pods() -> None:
    cluster = serving_cluster()
    cluster.restart()
    before = count_reads(cluster, "ControllerRevision", "Node")
    cluster.reconcile()
    cluster.reconcile()
    assert before == count_reads(cluster, "ControllerRevision", "Node")


def test_an_upgrade_of_the_operator_writes_nothing_but_that_an_update_waits() -> None:
    cluster = serving_cluster()
    template, revision = template_of(cluster), revision_of(cluster)
    upgrade(cluster)
    assert [("status", "NemotronDeployment", "nemotron")] == cluster.reconcile()
    assert template == template_of(cluster)
    assert ("True", "NewDefaults") == cluster.condition("UpdateAvailable")
    assert ("True", "Serving") == cluster.condition("Ready")
    told = status_of(cluster)
    assert (revision, revision) == (told["desiredRevision"], told["servingRevision"])
    assert revision != told["rollout"]["availableRevision"]
    assert "environment variable NEW_DEFAULT added" in message_of(cluster, "UpdateAvailable")
    assert "`nemoctl adopt nemotron -n team`" in message_of(cluster, "UpdateAvailable")
    assert [] == cluster.reconcile()


def test_while_an_update_waits_one_list_is_what_a_look_costs() -> None:
    cluster = serving_cluster()
    upgrade(cluster)
    cluster.reconcile()
    before = count_reads(cluster, "ControllerRevision", "Node", "Pod")
    cluster.reconcile()
    # The relisting of the pods is the test's own.
    assert before + 2 == count_reads(cluster, "ControllerRevision", "Node", "Pod")


def test_an_upgrade_that_is_taken_back_leaves_nothing_waiting() -> None:
    cluster = serving_cluster()
    upgrade(cluster)
    cluster.reconcile()
    upgrade(cluster, CONFIG)
    cluster.reconcile()
    assert "UpdateAvailable" not in list_conditions(cluster)


@pytest.mark.parametrize(
    "change",
    [
        a_deployment().with_replicas(0),
        a_deployment().suspended(),
        a_deployment().having("rollout.strategy", "Surge"),
        a_deployment().having("cache.retention", "Delete"),
        a_deployment().that_only_warns(),
        a_deployment().that_is_asked("What is 6 times 7?"),
    ],
    ids=["replicas", "suspend", "strategy", "retention", "policy", "question"],
)
def test_a_spec_that_no_pod_shows_takes_no_new_defaults(change: DeploymentBuilder) -> None:
    cluster = serving_cluster()
    template = template_of(cluster)
    upgrade(cluster)
    cluster.ask_for(change)
    settle(cluster)
    assert template == template_of(cluster)
    assert ("True", "NewDefaults") == cluster.condition("UpdateAvailable")


def test_a_spec_that_pods_show_takes_the_new_defaults() -> None:
    cluster = serving_cluster()
    upgrade(cluster)
    cluster.ask_for(a_deployment().having("rollout.drainSeconds", 600))
    cluster.reconcile()
    variables = {each["name"] for each in template_of(cluster)["spec"]["containers"][0]["env"]}
    assert "NEW_DEFAULT" in variables
    assert "UpdateAvailable" not in list_conditions(cluster)


def test_what_waits_is_adopted_and_stays_when_the_wish_is_gone() -> None:
    cluster = serving_cluster()
    upgrade(cluster)
    cluster.reconcile()
    available = status_of(cluster)["rollout"]["availableRevision"]
    annotate(cluster, revision=available)
    cluster.reconcile()
    assert available == revision_of(cluster)
    serve(cluster)
    assert ("True", "Serving") == cluster.condition("Ready")
    assert "UpdateAvailable" not in list_conditions(cluster)
    annotate(cluster, revision=None)
    settle(cluster)
    assert available == revision_of(cluster)


def test_an_earlier_spec_gets_its_very_pods_back_and_with_its_pin_all_of_it() -> None:
    cluster = serving_cluster()
    template = template_of(cluster)
    upgrade(cluster)
    cluster.ask_for(a_deployment().with_max_model_len(4096))
    cluster.reconcile()
    serve(cluster)
    cluster.ask_for(a_deployment())
    annotate(cluster, revision=template["metadata"]["labels"]["nemotron.dev/revision"])
    cluster.reconcile()
    assert template == template_of(cluster)
    assert [2, 3] == sorted(record["revision"] for record in list_records(cluster))


def test_a_pin_that_nobody_knows_is_harmless_and_told() -> None:
    cluster = serving_cluster()
    template = template_of(cluster)
    annotate(cluster, revision="latest")
    settle(cluster)
    assert template == template_of(cluster)
    assert ("True", "Serving") == cluster.condition("Ready")
    assert "Annotation nemotron.dev/revision names 'latest', which is neither kept" in message_of(cluster, "Ready")
    assert "annotate nemotrondeployment nemotron nemotron.dev/revision-" in message_of(cluster, "Ready")
    annotate(cluster, revision=None)
    settle(cluster)
    assert "Annotation" not in message_of(cluster, "Ready")


@pytest.mark.parametrize("moment", [AT_NOON, "now", "x" * 100_000])
def test_a_restart_replaces_the_pods_by_the_same_once(moment: str) -> None:
    cluster = serving_cluster()
    template = template_of(cluster)
    annotate(cluster, restarted_at=moment)
    cluster.reconcile()
    assert template["spec"] == template_of(cluster)["spec"]
    revision = revision_of(cluster)
    assert template["metadata"]["labels"]["nemotron.dev/revision"] != revision
    serve(cluster)
    assert ("True", "Serving") == cluster.condition("Ready")
    assert revision == revision_of(cluster)
    assert 1 == len(list_records(cluster))


def test_a_restart_takes_no_new_defaults() -> None:
    cluster = serving_cluster()
    template = template_of(cluster)
    upgrade(cluster)
    annotate(cluster, restarted_at=AT_NOON)
    settle(cluster)
    assert template["spec"] == template_of(cluster)["spec"]


@pytest.mark.parametrize("annotation", ["base-revision", "inputs", "operator-version", "rollout"])
@pytest.mark.parametrize("value", ["", "{", "x" * 5000, '{"strategy": ["Surge"]}', '{"strategy": "Surge", "why": 1}'])
def test_what_somebody_wrote_on_the_deployment_is_harmless_and_mended(annotation: str, value: str) -> None:
    cluster = serving_cluster()
    server = cluster.find(DEPLOYMENT)
    annotations = {**server["metadata"]["annotations"], f"nemotron.dev/{annotation}": value}
    cluster.change(DEPLOYMENT, metadata={**server["metadata"], "annotations": annotations})
    settle(cluster)
    assert server["spec"]["template"] == template_of(cluster)
    cluster.serve()
    settle(cluster)
    assert ("True", "Serving") == cluster.condition("Ready")
    mended = cluster.find(DEPLOYMENT)["metadata"]["annotations"]
    assert annotation == "rollout" or server["metadata"]["annotations"] == mended


@pytest.mark.parametrize(
    "annotations", [{"nemotron.dev/failed": "{"}, {"nemotron.dev/operator-version": "x" * 5000}, {}], ids=str
)
def test_what_somebody_wrote_on_a_record_is_harmless(annotations: JSON) -> None:
    cluster = serving_cluster()
    record = cluster.find(CONTROLLER_REVISION)
    cluster.change(CONTROLLER_REVISION, metadata={**record["metadata"], "annotations": annotations})
    template = template_of(cluster)
    upgrade(cluster)
    settle(cluster)
    assert template == template_of(cluster)
    assert ("True", "NewDefaults") == cluster.condition("UpdateAvailable")


def test_records_that_are_lost_while_an_update_waits_restart_no_pod_and_come_back() -> None:
    cluster = serving_cluster()
    template = template_of(cluster)
    upgrade(cluster)
    cluster.reconcile()
    lose_records(cluster)
    settle(cluster)
    assert template == template_of(cluster)
    (record,) = list_records(cluster)
    assert template["spec"] == record["data"]["template"]["spec"]
    assert {"nemotron.dev/served-at", "nemotron.dev/operator-version"} == set(record["metadata"]["annotations"])
    assert ("True", "NewDefaults") == cluster.condition("UpdateAvailable")


def test_a_deployment_that_somebody_deleted_comes_back_as_it_was() -> None:
    cluster = serving_cluster()
    template = template_of(cluster)
    upgrade(cluster)
    cluster.gateway.take(DEPLOYMENT, "team", "nemotron")
    cluster.reconcile()
    assert template == template_of(cluster)


def test_records_of_an_earlier_resource_of_that_name_are_left_to_the_garbage_collector() -> None:
    cluster = serving_cluster()
    record = cluster.find(CONTROLLER_REVISION)
    (owner,) = record["metadata"]["ownerReferences"]
    cluster.change(
        CONTROLLER_REVISION, metadata={**record["metadata"], "ownerReferences": [{**owner, "uid": "earlier"}]}
    )
    cluster.gateway.take(DEPLOYMENT, "team", "nemotron")
    with pytest.raises(ConflictError, match="garbage collector"):
        cluster.reconcile()
    lose_records(cluster)
    settle(cluster)
    assert UID == cluster.find(CONTROLLER_REVISION)["metadata"]["ownerReferences"][0]["uid"]


def test_records_that_an_earlier_resource_left_behind_are_made_anew() -> None:
    cluster = serving_cluster()
    record = cluster.find(CONTROLLER_REVISION)
    cluster.change(CONTROLLER_REVISION, metadata={**record["metadata"], "ownerReferences": []})
    cluster.gateway.take(DEPLOYMENT, "team", "nemotron")
    settle(cluster)
    (anew,) = list_records(cluster)
    assert record["metadata"]["uid"] != anew["metadata"]["uid"]
    assert record["metadata"]["ownerReferences"] == anew["metadata"]["ownerReferences"]


def test_a_record_of_that_name_that_is_somebody_elses_is_not_touched() -> None:
    cluster = serving_cluster()
    record = cluster.find(CONTROLLER_REVISION)
    owner = controlled_by("web", kind="StatefulSet")
    cluster.change(CONTROLLER_REVISION, metadata={**record["metadata"], "ownerReferences": [owner]})
    cluster.gateway.take(DEPLOYMENT, "team", "nemotron")
    with pytest.raises(ConflictError, match="belongs to StatefulSet 'web'; it was not touched"):
        cluster.reconcile()
    assert [owner] == cluster.find(CONTROLLER_REVISION)["metadata"]["ownerReferences"]


def test_an_operator_that_may_not_keep_revisions_says_so_and_starts_nothing() -> None:
    cluster = serving_cluster()
    template = template_of(cluster)
    cluster.gateway.refusals[CONTROLLER_REVISION] = 403
    cluster.ask_for(a_deployment().with_max_model_len(4096))
    cluster.reconcile()
    assert ("False", "RefusedByCluster") == cluster.condition("Planned")
    assert template == template_of(cluster)


def replaced(change: DeploymentBuilder | None = None) -> Cluster:
    """Make a cluster that served, whose spec has changed, and whose only old pod is gone for the new one."""
    cluster = serving_cluster()
    cluster.ask_for(change or a_deployment().with_max_model_len(4096))
    cluster.reconcile()
    assert ("False", "RollingOut") == cluster.condition("Ready")
    return cluster


def test_a_rollout_that_leaves_nothing_serving_and_needs_a_human_goes_back_once() -> None:
    cluster = serving_cluster()
    first = template_of(cluster)
    cluster.ask_for(a_deployment().with_max_model_len(4096))
    cluster.reconcile()
    failing = revision_of(cluster)
    crash(cluster)
    cluster.reconcile()
    assert 0 == cluster.retry_seconds
    cluster.reconcile()
    assert first == template_of(cluster)
    cluster.serve()
    settle(cluster)
    assert ("False", "CrashLoop") == cluster.condition("Ready")
    assert ("True", "CrashLoop") == cluster.condition("Stalled")
    assert ("True", "Serving") == cluster.condition("Available")
    assert f"Revision {failing} failed, and the revision before it is back: 1 of 1 pods serve." in message_of(
        cluster, "Ready"
    )
    told = status_of(cluster)
    serving = first["metadata"]["labels"]["nemotron.dev/revision"]
    assert (failing, serving) == (told["desiredRevision"], told["servingRevision"])
    assert [] == cluster.list_jobs("verification")
    cluster.restart()
    assert [] == cluster.reconcile()


def taken_back() -> Cluster:
    cluster = replaced()
    crash(cluster)
    cluster.reconcile()
    cluster.reconcile()
    cluster.serve()
    settle(cluster)
    return cluster


def test_a_restart_tries_what_failed_again_and_it_may_fail_again() -> None:
    cluster = taken_back()
    earlier = revision_of(cluster)
    annotate(cluster, restarted_at=AT_NOON)
    cluster.reconcile()
    assert earlier != revision_of(cluster)
    assert "--max-model-len=4096" in template_of(cluster)["spec"]["containers"][0]["args"]
    crash(cluster)
    settle(cluster)
    assert "--max-model-len=4096" not in template_of(cluster)["spec"]["containers"][0]["args"]
    assert ("True", "CrashLoop") == cluster.condition("Stalled")


def test_what_failed_and_serves_after_a_restart_is_sound() -> None:
    cluster = taken_back()
    annotate(cluster, restarted_at=AT_NOON)
    cluster.reconcile()
    serve(cluster)
    assert ("True", "Serving") == cluster.condition("Ready")
    marks = [set(record["metadata"]["annotations"]) for record in list_records(cluster)]
    assert [{"nemotron.dev/operator-version", "nemotron.dev/served-at"}] * 2 == marks


def test_another_spec_is_tried_after_a_failure() -> None:
    cluster = taken_back()
    cluster.ask_for(a_deployment().with_max_model_len(2048))
    cluster.reconcile()
    assert "--max-model-len=2048" in template_of(cluster)["spec"]["containers"][0]["args"]
    serve(cluster)
    assert ("True", "Serving") == cluster.condition("Ready")


def test_suspending_what_was_taken_back_says_suspended() -> None:
    cluster = taken_back()
    cluster.ask_for(a_deployment().with_max_model_len(4096).suspended())
    cluster.reconcile()
    cluster.gateway.take(POD, "team", "nemotron-0")
    settle(cluster)
    assert ("False", "Suspended") == cluster.condition("Ready")
    assert 0 == cluster.find(DEPLOYMENT)["spec"]["replicas"]


@pytest.mark.parametrize(
    "happen",
    [
        lambda cluster: cluster.gateway.put(POD, a_live_pod("old", revision="old", containers=[CRASHING])),
        lambda cluster: cluster.gateway.put(
            POD, a_live_pod("nemotron-5d8f9-abcde", revision=revision_of(cluster), conditions=[NO_GPUS])
        ),
        lambda cluster: cluster.gateway.put(
            POD, a_live_pod("nemotron-5d8f9-abcde", revision=revision_of(cluster), conditions=[])
        ),
    ],
    ids=["an old pod crashes", "no node has GPUs", "it only takes its time"],
)
def test_what_is_no_failure_of_the_new_pods_goes_nowhere(happen: Callable[[Cluster], object]) -> None:
    """The Deployment says that somebody's deadline is over: it names another ReplicaSet."""
    cluster = replaced()
    cluster.gateway.take(POD, "team", "nemotron-0")
    message = 'ReplicaSet "nemotron-77777" has timed out progressing.'
    late = condition("Progressing", "False", "ProgressDeadlineExceeded", message)
    cluster.change(DEPLOYMENT, status={"conditions": [late]})
    happen(cluster)
    revision = revision_of(cluster)
    settle(cluster)
    assert revision == revision_of(cluster)
    assert not any("nemotron.dev/failed" in record["metadata"]["annotations"] for record in list_records(cluster))


@pytest.mark.parametrize(("tensor", "expected"), [(2, False), (4, True)], ids=["as many GPUs", "more GPUs"])
def test_a_deadline_that_passes_without_gpus_goes_back_only_to_pods_that_take_fewer(
    tensor: int, *, expected: bool
) -> None:
    cluster = replaced(a_deployment().with_tensor(tensor).with_max_model_len(4096))
    cluster.gateway.take(POD, "team", "nemotron-0")
    late = condition("Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "nemotron-5d8f9" has timed out.')
    cluster.change(DEPLOYMENT, status={"conditions": [late]})
    revision = revision_of(cluster)
    cluster.gateway.put(POD, a_live_pod("nemotron-5d8f9-abcde", revision=revision, conditions=[NO_GPUS]))
    settle(cluster)
    assert expected == (revision != revision_of(cluster))


def test_old_pods_that_serve_keep_a_failing_revision_in_place() -> None:
    cluster = replaced()
    revision = revision_of(cluster)
    cluster.gateway.put(POD, a_live_pod("new", revision=revision, containers=[CRASHING]))
    settle(cluster)
    assert revision == revision_of(cluster)
    assert ("False", "CrashLoop") == cluster.condition("Ready")
    assert ("True", "Serving") == cluster.condition("Available")


def fetched_anew(cluster: Cluster) -> None:
    """Ask for another model, let it be fetched to a volume of its own, and its pods crash with nothing else left."""
    cluster.ask_for(a_deployment().with_model(BF16).with_tensor(4))
    cluster.reconcile()
    job = cluster.list_jobs("cache")[-1]
    cluster.gateway.put(
        JOB,
        {**job, "status": {"conditions": [condition("Complete")], "completionTime": "2026-11-24T07:59:00Z"}},
    )
    pod = a_finished_cache_pod(render_line(DOWNLOADED), "cache-y")
    pod["metadata"]["ownerReferences"][0]["uid"] = job["metadata"]["uid"]
    cluster.gateway.put(POD, pod)
    cluster.reconcile()
    cluster.reconcile()
    crash(cluster)


@pytest.mark.parametrize("is_gone", [False, True])
def test_nothing_goes_back_to_a_model_whose_volume_is_gone(*, is_gone: bool) -> None:
    cluster = serving_cluster()
    first, claim = template_of(cluster), cluster.find(CLAIM)["metadata"]["name"]
    fetched_anew(cluster)
    second = template_of(cluster)
    assert first["spec"]["volumes"] != second["spec"]["volumes"]
    if is_gone:
        cluster.gateway.take(CLAIM, "team", claim)
        cluster.restart()
    settle(cluster)
    assert (second if is_gone else first) == template_of(cluster)


def test_a_rollout_looks_for_gpus_once_when_it_begins() -> None:
    cluster = serving_cluster()
    cluster.gateway.put(NODE, a_node("h100-0", 8))
    cluster.ask_for(a_deployment().with_tensor(4))
    cluster.reconcile()
    expected = {"strategy": "Surge", "message": "Node h100-0 has 8 H100-80GB free, and one more replica needs 4."}
    assert expected.items() <= status_of(cluster)["rollout"].items()
    assert {"maxSurge": 1, "maxUnavailable": 0} == cluster.find(DEPLOYMENT)["spec"]["strategy"]["rollingUpdate"]
    looks = count_reads(cluster, "Node")
    settle(cluster)
    assert (1, 1) == (looks, count_reads(cluster, "Node"))


def test_where_nodes_may_not_be_listed_replicas_are_replaced() -> None:
    cluster = serving_cluster()
    cluster.gateway.forbidden.add(NODE)
    cluster.ask_for(a_deployment().with_max_model_len(4096))
    cluster.reconcile()
    assert "Replace" == status_of(cluster)["rollout"]["strategy"]
    assert "may not list nodes" in status_of(cluster)["rollout"]["message"]


def test_a_rollout_that_somebody_changed_on_the_deployment_is_put_back() -> None:
    cluster = serving_cluster()
    server = cluster.find(DEPLOYMENT)
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 0}}
    cluster.change(DEPLOYMENT, spec={**server["spec"], "strategy": rolling})
    settle(cluster)
    assert {"maxSurge": 0, "maxUnavailable": 1} == cluster.find(DEPLOYMENT)["spec"]["strategy"]["rollingUpdate"]
