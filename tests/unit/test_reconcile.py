"""The whole pipeline against an API server in memory: what is written, and that nothing is written at rest."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from nemotron_operator.cluster.apply import apply
from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import CLAIM, CONTROLLER_REVISION, DEPLOYMENT, JOB, NEMOTRON, POD, SERVICE, ApiKind
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.cluster.relist import relist
from nemotron_operator.downloader.outcome import Complete
from nemotron_operator.errors import ClusterError, ConflictError
from nemotron_operator.reconcile import UNWATCHED_RETRY_SECONDS, Reconciler
from nemotron_operator.termination.outcome import render_line
from nemotron_operator.verifier.errors import Reason as VerifierReason
from nemotron_operator.verifier.outcome import Complete as AnsweredAsExpected
from nemotron_operator.verifier.outcome import Failed
from tests.support.fixtures.deployments import BF16, DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import (
    a_finished_cache_pod,
    a_finished_verify_pod,
    a_live_claim,
    a_live_object,
    a_live_pod,
    child_labels,
    condition,
    controlled_by,
)
from tests.support.fixtures.plans import CATALOG, COMMIT, CONFIG, render_cached
from tests.support.memory_gateway import MemoryGateway

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
DOWNLOADED = Complete("org/model", COMMIT, 72_685_000_000, 26, "5d" * 32, 1.0, 1)
ANSWERED = render_line(AnsweredAsExpected("There are 3 r in strawberry.", 9, 182, "41.7"))
UNEXPECTED = render_line(Failed(VerifierReason.UNEXPECTED_ANSWER, "It lacks '3'.", retryable=False))
NO_NODE = condition("PodScheduled", "False", "Unschedulable", "0/4 nodes are available.")

JSON = dict[str, Any]


class Cluster:
    """One resource, an API server in memory and an operator that is told of everything by relisting."""

    def __init__(self, deployment: DeploymentBuilder) -> None:
        self.gateway = MemoryGateway()
        self.gateway.put(NEMOTRON, deployment.body)
        self.retry_seconds: float | None = None
        self.restart()

    def restart(self) -> None:
        """Forget everything that was seen, as a new operator process."""
        view = ClusterView(ObjectCache(), self.gateway)
        self.reconciler = Reconciler(view, CONFIG, CATALOG, lambda: NOW, "operator-0")

    def reconcile(self) -> list[tuple[str, str, str]]:
        """Reconcile once; return what was written."""
        before = len(self.gateway.writes)
        asyncio.run(self._reconcile())
        return self.gateway.writes[before:]

    async def _reconcile(self) -> None:
        await relist(self.gateway, self.reconciler.view.cache)
        self.retry_seconds = await self.reconciler.reconcile(("team", "nemotron"))

    def find(self, kind: ApiKind) -> JSON:
        """Find the only object of a kind."""
        (found,) = [body for (stored, _), body in self.gateway.objects.items() if stored is kind]
        return found

    def change(self, kind: ApiKind, **fields: object) -> None:
        """Change the only object of a kind as its controller would."""
        self.gateway.put(kind, {**self.find(kind), **fields})

    def ask_for(self, deployment: DeploymentBuilder) -> None:
        live = self.find(NEMOTRON)
        metadata = {**live["metadata"], "generation": live["metadata"]["generation"] + 1}
        self.gateway.put(NEMOTRON, {**live, "metadata": metadata, "spec": deployment.body["spec"]})

    def list_jobs(self, component: str) -> list[JSON]:
        return [
            body
            for (kind, _), body in self.gateway.objects.items()
            if kind is JOB and body["metadata"]["labels"]["nemotron.dev/component"] == component
        ]

    def answer(self, message: str = ANSWERED) -> None:
        """Finish the verification Job; its pod leaves this message."""
        (job,) = self.list_jobs("verification")
        is_failed = "Failed" in message
        status = {"conditions": [condition("Failed" if is_failed else "Complete")], "failed": int(is_failed)}
        self.gateway.put(JOB, {**job, "status": {**status, "completionTime": "2026-11-24T07:59:30Z"}})
        self.gateway.put(POD, a_finished_verify_pod(message, job))

    def finish_download(self, message: str = render_line(DOWNLOADED)) -> None:
        self.change(JOB, status={"conditions": [condition("Complete")], "completionTime": "2026-11-24T07:59:00Z"})
        pod = a_finished_cache_pod(message)
        pod["metadata"]["ownerReferences"][0]["uid"] = self.find(JOB)["metadata"]["uid"]
        self.gateway.put(POD, pod)

    def serve(self, replicas: int = 1) -> None:
        server = self.find(DEPLOYMENT)
        server["metadata"]["generation"] = 1
        status = {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas}
        self.change(DEPLOYMENT, status=status)
        revision = server["spec"]["template"]["metadata"]["labels"]["nemotron.dev/revision"]
        for index in range(replicas):
            self.gateway.put(POD, a_live_pod(f"nemotron-{index}", revision=revision, ready=True))

    def condition(self, kind: str) -> tuple[str, str]:
        conditions = {found["type"]: found for found in self.find(NEMOTRON)["status"]["conditions"]}
        return conditions[kind]["status"], conditions[kind]["reason"]


def asked_cluster(deployment: DeploymentBuilder | None = None) -> Cluster:
    """Make a cluster whose pods serve, and whose verification Job was just made."""
    cluster = Cluster(deployment or a_deployment())
    cluster.reconcile()
    cluster.finish_download()
    cluster.reconcile()
    cluster.serve()
    cluster.reconcile()
    return cluster


def serving_cluster(deployment: DeploymentBuilder | None = None) -> Cluster:
    """Make a cluster at rest: its pods serve and have answered, and the Job that asked is gone."""
    cluster = asked_cluster(deployment)
    cluster.answer()
    cluster.reconcile()
    cluster.reconcile()
    return cluster


def test_a_new_resource_gets_everything_but_gpus() -> None:
    cluster = Cluster(a_deployment())
    written = [(verb, kind) for verb, kind, _ in cluster.reconcile()]
    assert [
        ("create", "PersistentVolumeClaim"),
        ("create", "ServiceAccount"),
        ("create", "Service"),
        ("create", "Job"),
        ("status", "NemotronDeployment"),
    ] == written
    assert ("False", "VolumePending") == cluster.condition("Ready")


def test_a_finished_download_starts_the_server_and_is_recorded_on_the_volume() -> None:
    cluster = Cluster(a_deployment())
    cluster.reconcile()
    cluster.finish_download()
    written = [(verb, kind) for verb, kind, _ in cluster.reconcile()]
    assert [
        ("own", "PersistentVolumeClaim"),
        ("apply", "PersistentVolumeClaim"),
        ("annotate", "Job"),
        ("create", "ControllerRevision"),
        ("create", "Deployment"),
        ("status", "NemotronDeployment"),
    ] == written
    assert ("False", "RollingOut") == cluster.condition("Ready")


def test_pods_that_serve_make_it_ready() -> None:
    cluster = serving_cluster()
    assert ("True", "Serving") == cluster.condition("Ready")
    reasons = ["Fits", "VolumePending", "Cached", "RollingOut", "Verifying", "Verified", "Serving"]
    assert reasons == [event["reason"] for event in cluster.gateway.events]


def test_what_serves_is_asked_by_one_job_and_ready_waits_for_it() -> None:
    cluster = asked_cluster()
    assert 1 == len(cluster.list_jobs("verification"))
    assert ("False", "Verifying") == cluster.condition("Ready")
    assert ("True", "Serving") == cluster.condition("Available")
    assert [] == cluster.reconcile()


def test_an_answer_is_told_and_remembered_and_its_job_deleted() -> None:
    cluster = asked_cluster()
    (job,) = cluster.list_jobs("verification")
    cluster.answer()
    kept = cluster.find(CONTROLLER_REVISION)["metadata"]["name"]
    written = [("annotate", "ControllerRevision", kept), ("status", "NemotronDeployment", "nemotron")]
    assert written == cluster.reconcile()
    assert ("True", "Verified") == cluster.condition("Verified")
    assert 0 == cluster.retry_seconds
    assert "41.7" == cluster.find(NEMOTRON)["status"]["verification"]["tokensPerSecond"]
    assert [("delete", "Job", job["metadata"]["name"])] == cluster.reconcile()
    assert cluster.retry_seconds is None
    cluster.restart()
    assert [] == cluster.reconcile()
    assert ("True", "Verified") == cluster.condition("Verified")


def test_an_unexpected_answer_stays_with_its_job_until_somebody_deletes_it() -> None:
    cluster = asked_cluster()
    cluster.answer(UNEXPECTED)
    assert [("status", "NemotronDeployment", "nemotron")] == cluster.reconcile()
    assert ("False", "UnexpectedAnswer") == cluster.condition("Ready")
    assert ("True", "UnexpectedAnswer") == cluster.condition("Stalled")
    assert [] == cluster.reconcile()
    (job,) = cluster.list_jobs("verification")
    cluster.gateway.take(JOB, "team", job["metadata"]["name"])
    assert ("create", "Job", job["metadata"]["name"]) in cluster.reconcile()


def test_a_changed_question_is_asked_anew_and_touches_no_pod() -> None:
    cluster = serving_cluster()
    cluster.ask_for(a_deployment().that_is_asked("What is 6 times 7?", "42"))
    written = [(verb, kind) for verb, kind, _ in cluster.reconcile()]
    assert [("create", "Job"), ("status", "NemotronDeployment")] == written
    assert ("False", "Verifying") == cluster.condition("Ready")


def test_a_question_whose_answer_was_lost_is_asked_again() -> None:
    """The Job completes while the operator is down, and its pod is collected before it is up again."""
    cluster = asked_cluster()
    cluster.answer()
    (job,) = cluster.list_jobs("verification")
    cluster.gateway.take(POD, "team", "verify-x")
    cluster.restart()
    assert ("delete", "Job", job["metadata"]["name"]) in cluster.reconcile()
    cluster.restart()
    assert ("create", "Job", job["metadata"]["name"]) in cluster.reconcile()


def test_a_pod_that_stops_serving_takes_the_question_back() -> None:
    cluster = asked_cluster()
    (job,) = cluster.list_jobs("verification")
    pod = next(body for (kind, _), body in cluster.gateway.objects.items() if body["metadata"]["name"] == "nemotron-0")
    cluster.gateway.put(POD, {**pod, "status": {**pod["status"], "conditions": [condition("Ready", "False")]}})
    assert ("delete", "Job", job["metadata"]["name"]) in cluster.reconcile()
    cluster.serve()
    assert ("create", "Job", job["metadata"]["name"]) in cluster.reconcile()


def test_a_question_is_taken_back_when_nobody_asks_any_more() -> None:
    cluster = asked_cluster()
    (job,) = cluster.list_jobs("verification")
    cluster.ask_for(a_deployment().that_is_asked_nothing())
    assert ("delete", "Job", job["metadata"]["name"]) in cluster.reconcile()
    assert ("True", "Serving") == cluster.condition("Ready")
    assert ("Unknown", "NotRequested") == cluster.condition("Verified")


def test_scaling_asks_nothing_again() -> None:
    cluster = serving_cluster()
    cluster.ask_for(a_deployment().with_replicas(2))
    cluster.reconcile()
    cluster.serve(replicas=2)
    cluster.reconcile()
    assert ("True", "Serving") == cluster.condition("Ready")
    assert [] == cluster.list_jobs("verification")


def test_nothing_is_written_at_rest_nor_after_a_restart() -> None:
    cluster = serving_cluster()
    assert [] == cluster.reconcile()
    cluster.restart()
    assert [] == cluster.reconcile()


def test_what_somebody_changed_is_changed_back_by_one_write() -> None:
    cluster = serving_cluster()
    service = cluster.find(SERVICE)
    cluster.change(SERVICE, spec={**service["spec"], "type": "LoadBalancer"})
    assert [("own", "Service", "nemotron"), ("apply", "Service", "nemotron")] == cluster.reconcile()
    assert "ClusterIP" == cluster.find(SERVICE)["spec"]["type"]
    assert [] == cluster.reconcile()


def test_what_somebody_deleted_is_made_again() -> None:
    cluster = serving_cluster()
    cluster.gateway.take(SERVICE, "team", "nemotron")
    assert [("create", "Service", "nemotron")] == cluster.reconcile()


def test_a_refused_spec_leaves_alone_what_serves() -> None:
    cluster = serving_cluster()
    cluster.ask_for(a_deployment().with_tensor(3))
    assert [("status", "NemotronDeployment", "nemotron")] == cluster.reconcile()
    assert ("False", "TensorParallelDoesNotDivideHeads") == cluster.condition("Ready")
    assert ("True", "Serving") == cluster.condition("Available")


def test_a_budget_comes_with_the_second_replica_and_goes_with_it() -> None:
    cluster = serving_cluster()
    cluster.ask_for(a_deployment().with_replicas(2))
    assert ("create", "PodDisruptionBudget", "nemotron") in cluster.reconcile()
    cluster.ask_for(a_deployment())
    assert ("delete", "PodDisruptionBudget", "nemotron") in cluster.reconcile()


def test_a_job_whose_intent_changed_is_deleted_and_made_anew() -> None:
    cluster = Cluster(a_deployment())
    cluster.reconcile()
    name = cluster.find(JOB)["metadata"]["name"]
    cluster.ask_for(a_deployment().having("podTemplate.labels", {"team": "search"}))
    assert ("delete", "Job", name) in cluster.reconcile()
    cluster.restart()
    assert ("create", "Job", name) in cluster.reconcile()


def test_a_job_that_is_complete_is_left_alone() -> None:
    cluster = serving_cluster()
    cluster.ask_for(a_deployment().having("podTemplate.labels", {"team": "search"}))
    assert "Job" not in {kind for _, kind, _ in cluster.reconcile()}


def test_a_foreign_service_is_never_touched_and_looked_at_again() -> None:
    cluster = Cluster(a_deployment())
    cluster.gateway.put(SERVICE, a_live_object("Service", "nemotron"))
    assert [("status", "NemotronDeployment", "nemotron")] == cluster.reconcile()
    assert ("False", "NameConflict") == cluster.condition("Planned")
    assert UNWATCHED_RETRY_SECONDS == cluster.retry_seconds


def test_a_missing_claim_is_looked_for_again() -> None:
    cluster = Cluster(a_deployment().with_existing_claim("mine"))
    cluster.reconcile()
    assert ("False", "ClaimNotFound") == cluster.condition("Planned")
    assert UNWATCHED_RETRY_SECONDS == cluster.retry_seconds
    cluster.gateway.put(CLAIM, users_claim())
    cluster.reconcile()
    assert ("True", "Fits") == cluster.condition("Planned")
    assert cluster.retry_seconds is None


def test_children_of_an_earlier_resource_are_waited_for() -> None:
    cluster = Cluster(a_deployment())
    cluster.gateway.put(SERVICE, a_live_object("Service", "nemotron", owner=controlled_by(uid="earlier")))
    with pytest.raises(ConflictError):
        cluster.reconcile()
    assert [] == cluster.gateway.writes


def test_a_spec_that_cannot_be_read_is_a_condition() -> None:
    cluster = Cluster(a_deployment().having("replicas", "two"))
    assert [("status", "NemotronDeployment", "nemotron")] == cluster.reconcile()
    assert ("False", "InvalidSpec") == cluster.condition("Ready")


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_resource_that_goes_or_is_gone_is_left_to_the_garbage_collector(is_deleted: bool) -> None:  # noqa: FBT001 - a column
    cluster = Cluster(a_deployment())
    if is_deleted:
        cluster.gateway.take(NEMOTRON, "team", "nemotron")
    else:
        cluster.find(NEMOTRON)["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    assert [] == cluster.reconcile()


def test_a_pod_that_was_evicted_and_replaced_does_not_take_ready_away() -> None:
    cluster = serving_cluster()
    cluster.gateway.put(POD, a_live_pod("evicted", revision="any", phase="Failed"))
    cluster.reconcile()
    assert ("True", "Serving") == cluster.condition("Ready")


def test_a_child_that_is_being_deleted_is_waited_for() -> None:
    cluster = serving_cluster()
    service = cluster.find(SERVICE)
    metadata = {**service["metadata"], "deletionTimestamp": "2026-11-24T08:00:00Z"}
    cluster.change(SERVICE, metadata=metadata, spec={})
    assert [] == cluster.reconcile()


def test_an_object_that_changed_hands_since_it_was_looked_at_is_not_touched() -> None:
    deployment = a_deployment()
    cluster = Cluster(deployment)
    view = cluster.reconciler.view
    view.cache.upsert(SERVICE, a_live_object("Service", "nemotron", owner=controlled_by("web", kind="ReplicaSet")))
    with pytest.raises(ConflictError, match="Service 'nemotron' belongs to ReplicaSet 'web'; it was not touched"):
        asyncio.run(apply(render_cached(deployment), deployment.parsed.identity, view))
    assert ("create", "Deployment", "nemotron") not in cluster.gateway.writes


def test_an_object_that_vanished_before_its_first_apply_is_looked_at_again() -> None:
    deployment = a_deployment()
    cluster = serving_cluster()
    cluster.gateway.take(SERVICE, "team", "nemotron")
    changed = render_cached(deployment.having("service.port", 9000))
    with pytest.raises(ConflictError, match="Service 'nemotron' vanished"):
        asyncio.run(apply(changed, deployment.parsed.identity, cluster.reconciler.view))


def users_claim() -> JSON:
    claim = a_live_claim("mine")
    claim["metadata"]["labels"] = {}
    return claim


def test_suspending_keeps_everything_but_the_replicas() -> None:
    cluster = serving_cluster()
    cluster.ask_for(a_deployment().suspended())
    assert [
        ("own", "Deployment", "nemotron"),
        ("apply", "Deployment", "nemotron"),
        ("status", "NemotronDeployment", "nemotron"),
    ] == cluster.reconcile()
    assert 0 == cluster.find(DEPLOYMENT)["spec"]["replicas"]
    assert ("False", "Suspended") == cluster.condition("Ready")


@pytest.mark.parametrize("idle", [a_deployment().suspended(), a_deployment().with_replicas(0)])
def test_without_a_replica_no_gpu_waits_for_another_model_to_be_fetched(idle: DeploymentBuilder) -> None:
    cluster = serving_cluster()
    template = cluster.find(DEPLOYMENT)["spec"]["template"]
    cluster.ask_for(idle.with_model(BF16))
    assert ("scale", "Deployment", "nemotron") in cluster.reconcile()
    assert {"replicas": 0, "template": template}.items() <= cluster.find(DEPLOYMENT)["spec"].items()
    assert ("False", "VolumePending") == cluster.condition("ModelCached")
    assert [] == cluster.reconcile()

    cluster.ask_for(a_deployment())
    assert ("apply", "Deployment", "nemotron") in cluster.reconcile()
    assert 1 == cluster.find(DEPLOYMENT)["spec"]["replicas"]


def test_suspending_frees_the_gpus_of_a_spec_that_is_refused() -> None:
    cluster = serving_cluster()
    cluster.ask_for(a_deployment().suspended().with_tensor(16))
    written = cluster.reconcile()
    assert [("scale", "Deployment", "nemotron"), ("status", "NemotronDeployment", "nemotron")] == written
    cluster.gateway.take(POD, "team", "nemotron-0")
    cluster.reconcile()
    assert ("False", "Waiting") == cluster.condition("Available")
    assert [] == cluster.reconcile()


def test_suspending_frees_the_gpus_when_the_cluster_refuses_the_rest() -> None:
    cluster = serving_cluster()
    cluster.gateway.refusals[CLAIM] = 403
    cluster.ask_for(a_deployment().suspended().with_model(BF16))
    assert ("scale", "Deployment", "nemotron") in cluster.reconcile()


def test_suspending_leaves_a_foreign_deployment_alone() -> None:
    cluster = Cluster(a_deployment().suspended())
    owner = controlled_by("somebody", "uid-x", "Other")
    server = a_live_object("Deployment", "nemotron", labels=child_labels(), owner=owner)
    cluster.gateway.put(DEPLOYMENT, {**server, "spec": {"replicas": 2, "template": {"metadata": {}}}})
    cluster.reconcile()
    assert 2 == cluster.find(DEPLOYMENT)["spec"]["replicas"]
    assert ("True", "NameConflict") == cluster.condition("Stalled")


def lose_the_cache_pod(cluster: Cluster) -> None:
    """Take the finished pod of the download away, as happens when its node is scaled down."""
    cluster.gateway.take(POD, "team", "cache-x")
    cluster.restart()
    cluster.reconcile()


def test_a_shared_volume_remembers_its_download_when_the_pod_is_gone() -> None:
    cluster = serving_cluster()
    lose_the_cache_pod(cluster)
    assert ("True", "Serving") == cluster.condition("Ready")


def test_a_users_volume_remembers_its_download_when_the_pod_is_gone() -> None:
    deployment = a_deployment().with_existing_claim("mine").that_is_asked_nothing()
    cluster = Cluster(deployment)
    cluster.gateway.put(CLAIM, users_claim())
    cluster.reconcile()
    cluster.finish_download()
    cluster.reconcile()
    cluster.serve()
    cluster.reconcile()
    assert ("True", "Serving") == cluster.condition("Ready")
    lose_the_cache_pod(cluster)
    assert ("True", "Serving") == cluster.condition("Ready")


def test_a_download_whose_word_was_lost_runs_again() -> None:
    """The Job completes while the operator is down, and its pod is collected before it is up again."""
    cluster = Cluster(a_deployment())
    cluster.reconcile()
    cluster.change(CLAIM, status={"phase": "Bound"})
    cluster.change(JOB, status={"conditions": [condition("Complete")]})
    name = cluster.find(JOB)["metadata"]["name"]
    cluster.restart()
    assert ("delete", "Job", name) in cluster.reconcile()
    cluster.restart()
    assert ("create", "Job", name) in cluster.reconcile()


def test_a_download_that_ended_without_a_report_needs_a_human() -> None:
    """Somebody's `downloaderImage` is not ours."""
    cluster = Cluster(a_deployment())
    cluster.reconcile()
    cluster.finish_download("All good.")
    assert [] == [kind for verb, kind, _ in cluster.reconcile() if verb == "delete"]
    assert ("False", "DownloadFailed") == cluster.condition("ModelCached")
    assert ("True", "DownloadFailed") == cluster.condition("Stalled")


@pytest.mark.parametrize("status", [400, 403, 422])
def test_what_the_api_server_refuses_is_a_condition_and_tried_again(status: int) -> None:
    cluster = Cluster(a_deployment())
    cluster.gateway.refusals[JOB] = status
    cluster.reconcile()
    assert ("False", "RefusedByCluster") == cluster.condition("Planned")
    assert ("True", "RefusedByCluster") == cluster.condition("Stalled")
    assert UNWATCHED_RETRY_SECONDS == cluster.retry_seconds
    cluster.gateway.refusals.clear()
    cluster.reconcile()
    assert ("True", "Fits") == cluster.condition("Planned")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_the_api_server_cannot_do_now_is_left_to_the_queue(status: int) -> None:
    cluster = Cluster(a_deployment())
    cluster.gateway.refusals[JOB] = status
    with pytest.raises(ClusterError):
        cluster.reconcile()


def test_a_volume_that_was_deleted_and_made_anew_is_filled_anew() -> None:
    cluster = serving_cluster()
    claim = cluster.find(CLAIM)["metadata"]["name"]
    job = cluster.find(JOB)["metadata"]["name"]
    cluster.gateway.take(CLAIM, "team", claim)
    written = cluster.reconcile()
    assert ("create", "PersistentVolumeClaim", claim) in written
    assert ("delete", "Job", job) in written
    cluster.restart()
    assert ("create", "Job", job) in cluster.reconcile()
    assert ("False", "VolumePending") == cluster.condition("ModelCached")


def test_pods_that_would_start_on_a_volume_that_was_made_anew_take_no_gpu() -> None:
    cluster = serving_cluster()
    cluster.gateway.take(CLAIM, "team", cluster.find(CLAIM)["metadata"]["name"])
    cluster.gateway.put(POD, a_live_pod("nemotron-0", conditions=[NO_NODE]))
    assert ("scale", "Deployment", "nemotron") == cluster.reconcile()[0]
    cluster.reconcile()  # the Job is made anew
    cluster.finish_download()
    cluster.reconcile()
    assert 1 == cluster.find(DEPLOYMENT)["spec"]["replicas"]


def test_pods_that_serve_from_a_volume_that_is_gone_go_on() -> None:
    cluster = serving_cluster()
    cluster.gateway.take(CLAIM, "team", cluster.find(CLAIM)["metadata"]["name"])
    assert ("scale", "Deployment", "nemotron") not in cluster.reconcile()


def test_an_object_of_ours_whose_label_was_taken_away_gets_it_back() -> None:
    """The watches see only what carries our label: to them such an object is gone."""
    cluster = serving_cluster()
    service = cluster.find(SERVICE)
    cluster.change(SERVICE, metadata={**service["metadata"], "labels": {}})
    cluster.reconcile()
    assert service["metadata"]["labels"] == cluster.find(SERVICE)["metadata"]["labels"]


def test_a_users_bound_volume_is_not_said_to_be_pending() -> None:
    cluster = Cluster(a_deployment().with_existing_claim("mine"))
    cluster.gateway.put(CLAIM, users_claim())
    cluster.reconcile()
    cluster.gateway.put(POD, a_live_pod("cache-x", component="cache", conditions=[NO_NODE]))
    cluster.reconcile()
    assert ("False", "Unschedulable") == cluster.condition("ModelCached")
