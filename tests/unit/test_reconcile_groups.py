"""Replicas over several nodes through the whole pipeline: which object makes the pods, and what gives way to it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from typing_extensions import override

from nemotron_operator.api.conditions import rfc3339
from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.departed_pods import MOST_KEPT
from nemotron_operator.cluster.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    LEADER_WORKER_SET,
    NEMOTRON,
    POD,
    SERVICE,
    ApiKind,
)
from nemotron_operator.cluster.relist import relist
from nemotron_operator.errors import ClusterError
from tests.support.fixtures.deployments import BF16, DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import a_container, a_live_object, a_live_pod, controlled_by
from tests.support.memory_gateway import merge
from tests.unit.test_reconcile import NOW, Cluster

JSON = dict[str, Any]

SHARED = a_deployment().having("cache.accessModes", ["ReadWriteMany"]).having("verification.mode", "Never")

ONE_NODE, TWO_NODES = SHARED.with_tensor(8), SHARED.with_tensor(8).with_pipeline(2)


class ClusterWithGroups(Cluster):
    """One whose API server knows LeaderWorkerSets, or not."""

    is_served = True

    @override
    async def _reconcile(self) -> None:
        served = frozenset({LEADER_WORKER_SET} if self.is_served else ())
        self.reconciler.view.platform.served_kinds = served
        await relist(self.gateway, self.reconciler.view.cache, served_kinds=served)
        self.retry_seconds = await self.reconciler.reconcile(("team", "nemotron"))

    def serve_groups(self) -> None:
        groups = self.find(LEADER_WORKER_SET)
        groups["metadata"]["generation"] = 1
        self.gateway.put(LEADER_WORKER_SET, {**groups, "status": {"observedGeneration": 1, "replicas": 1}})
        template = groups["spec"]["leaderWorkerTemplate"]["leaderTemplate"]
        revision = template["metadata"]["labels"]["nemotron.dev/revision"]
        self.gateway.put(POD, a_live_pod("nemotron-nodes-0", revision=revision, ready=True))
        self.gateway.put(POD, a_live_pod("nemotron-nodes-0-1", revision=revision, component="worker", ready=True))


def cached(deployment: DeploymentBuilder) -> ClusterWithGroups:
    cluster = ClusterWithGroups(deployment)
    cluster.reconcile()
    cluster.finish_download()
    cluster.reconcile()
    return cluster


def count(cluster: Cluster, kind: ApiKind) -> int:
    return sum(stored is kind for stored, _ in cluster.gateway.objects)


def test_a_group_serves_and_is_left_alone_at_rest() -> None:
    cluster = cached(TWO_NODES)
    assert (0, 1) == (count(cluster, DEPLOYMENT), count(cluster, LEADER_WORKER_SET))
    cluster.serve_groups()
    cluster.reconcile()
    assert ("True", "Serving") == cluster.condition("Ready")
    status = cluster.find(NEMOTRON)["status"]
    assert (1, 16, 2) == (status["readyReplicas"], status["plan"]["gpus"], status["plan"]["nodesPerReplica"])
    reads = len(cluster.gateway.reads)
    assert [] == cluster.reconcile()
    assert ("get", "Deployment") not in cluster.gateway.reads[reads:]


def test_what_served_from_one_node_stops_before_two_are_taken() -> None:
    cluster = cached(ONE_NODE)
    cluster.serve()
    cluster.reconcile()
    cluster.ask_for(TWO_NODES)
    written = [(verb, kind) for verb, kind, _ in cluster.reconcile()]
    assert ("delete", "Deployment") in written
    assert written.index(("delete", "Deployment")) < written.index(("create", "LeaderWorkerSet"))
    assert "two kinds of objects" in cluster.find(NEMOTRON)["status"]["rollout"]["message"]


def test_the_way_back_to_one_node_is_the_same() -> None:
    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    cluster.reconcile()
    cluster.ask_for(ONE_NODE)
    written = [(verb, kind) for verb, kind, _ in cluster.reconcile()]
    assert written.index(("delete", "LeaderWorkerSet")) < written.index(("create", "Deployment"))


def test_a_group_that_is_suspended_keeps_nothing() -> None:
    cluster = cached(TWO_NODES)
    cluster.ask_for(TWO_NODES.having("suspend", value=True))
    cluster.reconcile()
    assert 0 == cluster.find(LEADER_WORKER_SET)["spec"]["replicas"]


def test_what_cannot_be_planned_any_more_and_is_suspended_gives_its_gpus_back() -> None:
    cluster = cached(TWO_NODES)
    cluster.ask_for(TWO_NODES.with_tensor(3).having("suspend", value=True))
    assert ("scale", "LeaderWorkerSet", "nemotron-nodes") in cluster.reconcile()


def test_without_the_api_what_serves_from_one_node_goes_on() -> None:
    cluster = cached(ONE_NODE)
    cluster.serve()
    cluster.is_served = False
    cluster.ask_for(TWO_NODES)
    cluster.reconcile()
    assert ("False", "ApiNotInstalled") == cluster.condition("Planned")
    assert 1 == cluster.find(DEPLOYMENT)["spec"]["replicas"]
    cluster.is_served = True
    cluster.reconcile()
    assert 1 == count(cluster, LEADER_WORKER_SET)


def test_how_often_a_group_failed_is_kept_until_it_serves() -> None:
    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    crashed = a_container("vllm", 1, last={"exitCode": 1, "reason": "Error", "message": "It stopped."})
    (worker,) = (body for (_, key), body in cluster.gateway.objects.items() if key[1] == "nemotron-nodes-0-1")
    labels = {**worker["metadata"]["labels"], "leaderworkerset.sigs.k8s.io/group-key": "g"}
    ended = {**worker, "metadata": {**worker["metadata"], "labels": labels}}
    cluster.gateway.put(POD, {**ended, "status": {**worker["status"], "containerStatuses": [crashed]}})
    leader = a_live_pod("nemotron-nodes-0", revision=labels["nemotron.dev/revision"])
    cluster.gateway.put(POD, leader)

    assert ("change", "LeaderWorkerSet", "nemotron-nodes") in cluster.reconcile()
    assert ("False", "GroupRestarting") == cluster.condition("Ready")
    assert not [write for write in cluster.reconcile() if write[0] == "change"]

    cluster.serve_groups()
    cluster.reconcile()
    assert "nemotron.dev/group-failures" not in cluster.find(LEADER_WORKER_SET)["metadata"]["annotations"]
    assert ("True", "Serving") == cluster.condition("Ready")


def crash_worker(cluster: ClusterWithGroups) -> JSON:
    """Give a report of the worker whose engine ended, as a watch brings it."""
    crashed = a_container("vllm", 1, last={"exitCode": 1, "reason": "Error", "message": "It stopped."})
    (worker,) = (body for (_, key), body in cluster.gateway.objects.items() if key[1] == "nemotron-nodes-0-1")
    labels = {**worker["metadata"]["labels"], "leaderworkerset.sigs.k8s.io/group-key": "g"}
    ended: JSON = merge(worker, {"metadata": {"labels": labels}, "status": {"containerStatuses": [crashed]}})
    view = cluster.reconciler.view
    view.departed.take_report(POD, ended, view.cache)
    return ended


def make_group_anew(cluster: ClusterWithGroups, *, ready: bool = False) -> None:
    """Make its pods anew, which takes less time here than a look at them."""
    (worker,) = (body for (_, key), body in cluster.gateway.objects.items() if key[1] == "nemotron-nodes-0-1")
    revision = worker["metadata"]["labels"]["nemotron.dev/revision"]
    for name, component in (("nemotron-nodes-0", "server"), ("nemotron-nodes-0-1", "worker")):
        cluster.gateway.take(POD, "team", name)
        pod = a_live_pod(name, revision=revision, component=component, ready=ready, created_at="2026-11-24T08:00:00Z")
        cluster.gateway.put(POD, merge(pod, {"metadata": {"uid": str(uuid4())}}))


def test_a_group_that_was_made_anew_before_anybody_looked_says_why() -> None:
    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    cluster.reconcile()
    crash_worker(cluster)
    make_group_anew(cluster)

    assert ("change", "LeaderWorkerSet", "nemotron-nodes") in cluster.reconcile()
    assert ("False", "GroupRestarting") == cluster.condition("Ready")
    (ready,) = [each for each in cluster.find(NEMOTRON)["status"]["conditions"] if each["type"] == "Ready"]
    assert "Pod nemotron-nodes-0-1 on node" in ready["message"]
    assert "It stopped." in ready["message"]
    assert not [write for write in cluster.reconcile() if write[0] == "change"]
    assert ("False", "GroupRestarting") == cluster.condition("Ready")


def test_an_end_that_could_not_be_kept_is_told_and_kept_by_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise ClusterError("The webhook does not answer.", status_code=500)

    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    cluster.reconcile()
    crash_worker(cluster)
    make_group_anew(cluster)
    with monkeypatch.context() as patched:
        patched.setattr(cluster.gateway, "change", refuse)
        for _ in range(2):
            with pytest.raises(ClusterError):
                cluster.reconcile()
            assert ("False", "GroupRestarting") == cluster.condition("Ready")
    assert ("change", "LeaderWorkerSet", "nemotron-nodes") in cluster.reconcile()
    assert ("False", "GroupRestarting") == cluster.condition("Ready")


def test_an_end_that_is_over_when_somebody_looks_counts_for_no_later_group() -> None:
    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    cluster.reconcile()
    crash_worker(cluster)
    make_group_anew(cluster, ready=True)
    cluster.reconcile()
    assert ("True", "Serving") == cluster.condition("Ready")
    make_group_anew(cluster)
    cluster.reconcile()
    assert "GroupRestarting" != cluster.condition("Ready")[1]


def test_a_pod_that_is_still_there_is_not_told_twice() -> None:
    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    cluster.gateway.put(POD, crash_worker(cluster))
    view = cluster.reconciler.view
    cluster.reconcile()
    assert {} == view.departed.list_departed(("team", "nemotron"), view.cache)
    cluster.gateway.take(POD, "team", "nemotron-nodes-0-1")
    asyncio.run(relist(cluster.gateway, view.cache))
    assert 1 == len(view.departed.list_departed(("team", "nemotron"), view.cache))


@pytest.mark.parametrize("is_there", [True, False], ids=["goes", "is gone"])
def test_nothing_is_kept_of_a_resource_that(*, is_there: bool) -> None:
    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    crash_worker(cluster)
    view = cluster.reconciler.view
    gone = cluster.find(NEMOTRON)
    cluster.gateway.take(NEMOTRON, "team", "nemotron")
    if is_there:
        cluster.gateway.put(NEMOTRON, merge(gone, {"metadata": {"deletionTimestamp": rfc3339(NOW)}}))
    cluster.reconcile()
    assert {} == view.departed.list_departed(("team", "nemotron"), ObjectCache())
    crash_worker(cluster)  # its pods end after it
    assert {} == view.departed.list_departed(("team", "nemotron"), ObjectCache())


def test_the_pods_of_groups_before_these_tell_nothing_of_them() -> None:
    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    cluster.reconcile()
    crash_worker(cluster)
    make_group_anew(cluster)
    made_at = {"metadata": {"creationTimestamp": "2026-11-24T07:59:59Z"}}
    cluster.gateway.put(LEADER_WORKER_SET, merge(cluster.find(LEADER_WORKER_SET), made_at))
    cluster.reconcile()
    assert "GroupRestarting" != cluster.condition("Ready")[1]


def test_of_a_group_that_fails_for_ever_the_latest_ends_are_kept() -> None:
    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    cluster.reconcile()
    view = cluster.reconciler.view
    ended = crash_worker(cluster)
    for number in range(2 * MOST_KEPT):
        view.departed.take_report(POD, merge(ended, {"metadata": {"uid": str(number)}}), view.cache)
    kept = view.departed.list_departed(("team", "nemotron"), ObjectCache())
    assert [str(number) for number in range(MOST_KEPT, 2 * MOST_KEPT)] == list(kept)


def test_what_serves_stays_where_somebody_else_has_the_groups_name() -> None:
    cluster = cached(ONE_NODE)
    cluster.serve()
    cluster.gateway.put(LEADER_WORKER_SET, a_live_object("LeaderWorkerSet", "nemotron-nodes"))
    cluster.ask_for(TWO_NODES)
    assert "delete" not in [verb for verb, _, _ in cluster.reconcile()]
    assert ("False", "NameConflict") == cluster.condition("Planned")
    assert 1 == count(cluster, DEPLOYMENT)


@pytest.mark.parametrize(
    "of_one_node", [ONE_NODE, SHARED.with_tensor(4).with_pipeline(2)], ids=["one stage", "two stages on one node"]
)
def test_groups_stay_where_somebody_else_has_the_deployments_name(of_one_node: DeploymentBuilder) -> None:
    cluster = cached(TWO_NODES)
    cluster.serve_groups()
    cluster.gateway.put(DEPLOYMENT, a_live_object("Deployment", "nemotron"))
    cluster.ask_for(of_one_node)
    assert "delete" not in [verb for verb, _, _ in cluster.reconcile()]
    assert ("False", "NameConflict") == cluster.condition("Planned")


@pytest.mark.parametrize("status", [403, 422])
def test_what_serves_stays_where_groups_are_refused(status: int) -> None:
    cluster = cached(ONE_NODE.with_replicas(2))
    cluster.serve(2)
    cluster.reconcile()
    budget = cluster.find(DISRUPTION_BUDGET)
    cluster.gateway.refusals[LEADER_WORKER_SET] = status
    cluster.ask_for(TWO_NODES.with_replicas(2))
    assert ["status"] == [verb for verb, _, _ in cluster.reconcile()]
    assert ("False", "RefusedByCluster") == cluster.condition("Planned")
    assert ("True", "Serving") == cluster.condition("Available")
    assert budget == cluster.find(DISRUPTION_BUDGET)


def test_what_serves_stays_while_the_webhook_of_groups_does_not_answer() -> None:
    cluster = cached(ONE_NODE)
    cluster.serve()
    cluster.gateway.refusals[LEADER_WORKER_SET] = 500
    cluster.ask_for(TWO_NODES)
    with pytest.raises(ClusterError):
        cluster.reconcile()
    assert 1 == count(cluster, DEPLOYMENT)
    cluster.gateway.refusals.clear()
    cluster.reconcile()
    assert (0, 1) == (count(cluster, DEPLOYMENT), count(cluster, LEADER_WORKER_SET))


def test_what_serves_stays_until_the_groups_before_it_are_gone() -> None:
    cluster = cached(TWO_NODES)
    going = merge(cluster.find(LEADER_WORKER_SET), {"metadata": {"deletionTimestamp": rfc3339(NOW)}})
    cluster.gateway.put(LEADER_WORKER_SET, going)
    cluster.ask_for(ONE_NODE)
    cluster.reconcile()
    cluster.ask_for(TWO_NODES)
    assert "delete" not in [verb for verb, _, _ in cluster.reconcile()]
    cluster.gateway.take(LEADER_WORKER_SET, "team", "nemotron-nodes")
    cluster.reconcile()
    assert (0, 1) == (count(cluster, DEPLOYMENT), count(cluster, LEADER_WORKER_SET))


def test_groups_never_meet_in_a_service_of_somebody_else() -> None:
    cluster = ClusterWithGroups(TWO_NODES)
    cluster.gateway.put(SERVICE, a_live_object("Service", "nemotron-nodes", owner=controlled_by("nemotron-nodes")))
    cluster.reconcile()
    assert ("False", "NameConflict") == cluster.condition("Planned")
    cluster.ask_for(SHARED.with_tensor(4).with_pipeline(2))  # which is on one node
    cluster.reconcile()
    assert "True" == cluster.condition("Planned")[0]


def test_the_service_that_groups_brought_is_theirs() -> None:
    cluster = cached(ONE_NODE)
    owner = controlled_by("nemotron-nodes", uid="of-groups-before", kind="LeaderWorkerSet")
    cluster.gateway.put(SERVICE, a_live_object("Service", "nemotron-nodes", owner=owner))
    cluster.ask_for(TWO_NODES)
    cluster.reconcile()
    assert 1 == count(cluster, LEADER_WORKER_SET)


def scaled_groups(deployment: DeploymentBuilder) -> DeploymentBuilder:
    return deployment.having("autoscaling", {"minReplicas": 1, "maxReplicas": 6})


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (ONE_NODE, TWO_NODES, (DEPLOYMENT, LEADER_WORKER_SET)),
        (TWO_NODES, ONE_NODE, (LEADER_WORKER_SET, DEPLOYMENT)),
    ],
    ids=["one node to several", "several nodes to one"],
)
def test_a_scaler_finds_as_many_replicas_of_the_other_kind_as_it_left(
    before: DeploymentBuilder, after: DeploymentBuilder, kinds: tuple[ApiKind, ApiKind]
) -> None:
    cluster = cached(scaled_groups(before))
    cluster.gateway.put(kinds[0], merge(cluster.find(kinds[0]), {"spec": {"replicas": 5}}))
    cluster.reconcile()
    cluster.ask_for(scaled_groups(after))
    cluster.reconcile()
    assert 5 == cluster.find(kinds[1])["spec"]["replicas"]
    assert kinds[1].name == cluster.find(AUTOSCALER)["spec"]["scaleTargetRef"]["kind"]
    cluster.reconcile()
    assert 5 == cluster.find(kinds[1])["spec"]["replicas"]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [(ONE_NODE, TWO_NODES, "Deployment"), (TWO_NODES, ONE_NODE, "LeaderWorkerSet")],
    ids=["one node to several", "several nodes to one"],
)
def test_what_stands_around_follows_what_serves_while_the_next_model_is_fetched(
    before: DeploymentBuilder, after: DeploymentBuilder, kind: str
) -> None:
    cluster = cached(scaled_groups(before))
    cluster.reconcile()
    around = [cluster.find(DISRUPTION_BUDGET)["spec"], cluster.find(AUTOSCALER)["spec"]["scaleTargetRef"]]
    cluster.ask_for(scaled_groups(after).with_model(BF16))
    cluster.reconcile()
    assert around == [cluster.find(DISRUPTION_BUDGET)["spec"], cluster.find(AUTOSCALER)["spec"]["scaleTargetRef"]]
    assert kind == around[1]["kind"]


def test_a_controller_that_never_answers_is_told_after_a_minute() -> None:
    cluster = cached(TWO_NODES)
    made = {"metadata": {"generation": 1, "creationTimestamp": rfc3339(NOW)}}
    cluster.gateway.put(LEADER_WORKER_SET, merge(cluster.find(LEADER_WORKER_SET), made))
    cluster.reconcile()
    assert ("False", "RollingOut") == cluster.condition("Available")
    assert 61 == cluster.retry_seconds

    made = {"metadata": {"creationTimestamp": "2026-11-24T07:58:00Z"}}
    cluster.gateway.put(LEADER_WORKER_SET, merge(cluster.find(LEADER_WORKER_SET), made))
    cluster.reconcile()
    assert ("True", "RollingOut") == cluster.condition("Stalled")
    (stalled,) = [each for each in cluster.find(NEMOTRON)["status"]["conditions"] if each["type"] == "Stalled"]
    assert "kubectl get pods -n lws-system" in stalled["message"]


def test_groups_that_load_are_looked_at_again_when_they_are_late() -> None:
    cluster = cached(TWO_NODES)
    progressing = {"type": "Progressing", "status": "True", "lastTransitionTime": rfc3339(NOW)}
    loads = {"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "conditions": [progressing]}}
    cluster.gateway.put(LEADER_WORKER_SET, merge(cluster.find(LEADER_WORKER_SET), loads))
    cluster.reconcile()
    deadline = cluster.find(LEADER_WORKER_SET)["metadata"]["annotations"]["nemotron.dev/progress-deadline-seconds"]
    assert int(deadline) + 1 == cluster.retry_seconds
