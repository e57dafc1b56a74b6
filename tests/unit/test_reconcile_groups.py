"""Replicas over several nodes through the whole pipeline: which object makes the pods, and what gives way to it."""

from typing_extensions import override

from nemotron_operator.cluster.kinds import DEPLOYMENT, LEADER_WORKER_SET, NEMOTRON, POD, ApiKind
from nemotron_operator.cluster.relist import relist
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import a_container, a_live_pod
from tests.unit.test_reconcile import Cluster

SHARED = a_deployment().having("cache.accessModes", ["ReadWriteMany"]).having("verification.mode", "Never")

ONE_NODE, TWO_NODES = SHARED.with_tensor(8), SHARED.with_tensor(8).with_pipeline(2)


class ClusterWithGroups(Cluster):
    """One whose API server knows LeaderWorkerSets, or not."""

    is_served = True

    @override
    async def _reconcile(self) -> None:
        served = frozenset({LEADER_WORKER_SET} if self.is_served else ())
        self.reconciler.view.platform.served_kinds = served
        await relist(self.gateway, self.reconciler.view.cache, (), served)
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
