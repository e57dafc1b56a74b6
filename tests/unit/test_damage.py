"""What was downloaded is read again, and what differs is fetched again: the whole pipeline, with an API in memory."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typing_extensions import override

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import CLAIM, DEPLOYMENT, JOB, NEMOTRON, POD
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.reconcile import Reconciler
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import a_container, a_live_pod, condition, controlled_by
from tests.support.fixtures.plans import CATALOG, COMMIT, CONFIG
from tests.unit.test_reconcile import Cluster, users_claim

RATE = 1_400_000_000
"""What the first download measured, in bytes per second."""

DAMAGED = {
    "outcome": "Failed",
    "reason": "Damaged",
    "message": "model-00003-of-00015.safetensors differs from what was downloaded.",
    "retryable": False,
}
ABSENT = {**DAMAGED, "reason": "Absent", "message": "There is no such model on the volume."}
UNREADABLE = {**DAMAGED, "reason": "VolumeError", "message": "The volume gives an input/output error."}

JSON = dict[str, Any]


class CheckedCluster(Cluster):
    """A cluster whose volume is read again, and whose clock the test moves."""

    def __init__(self, deployment: DeploymentBuilder) -> None:
        self.now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
        super().__init__(deployment)

    @override
    def restart(self) -> None:
        view = ClusterView(ObjectCache(), self.gateway)
        self.reconciler = Reconciler(view, CONFIG, CATALOG, lambda: self.now, "operator-0")

    def settle(self) -> None:
        """Reconcile until nothing is left to write."""
        for _ in range(5):
            if not self.reconcile():
                return
        raise AssertionError("it never comes to rest")

    def ask(self, requested_at: str = "2026-11-24T08:30:00Z") -> None:
        """Ask for a check as `nemoctl cache verify` does, some time ago."""
        annotations = {"nemotron.dev/verify-requested-at": requested_at}
        asyncio.run(self.gateway.annotate(NEMOTRON, self.find(NEMOTRON), annotations))
        self.now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
        self.gateway.writes.clear()

    @property
    def checks(self) -> list[JSON]:
        return [job for job in self.list_jobs("cache") if "-check-" in job["metadata"]["name"]]

    @property
    def download(self) -> JSON:
        (job,) = [job for job in self.list_jobs("cache") if "-cache-" in job["metadata"]["name"]]
        return job

    def end(self, job: JSON, at: str, report: JSON | None = None) -> None:
        """End a Job of the cache; its pod leaves this report."""
        has_failed = report is not None and report["outcome"] == "Failed"
        ended = {**condition("Failed" if has_failed else "Complete"), "lastTransitionTime": at}
        status = {"conditions": [ended], "failed": int(has_failed), **({} if has_failed else {"completionTime": at})}
        self.gateway.put(JOB, {**job, "status": status})
        container = a_container("any", terminated={"exitCode": 0, "message": json.dumps(report)})
        owner = controlled_by(job["metadata"]["name"], job["metadata"]["uid"], "Job")
        pod = a_live_pod(
            f"{job['metadata']['name']}-x", component="cache", containers=[container], phase="Succeeded", owner=owner
        )
        pod["metadata"]["annotations"] = job["spec"]["template"]["metadata"]["annotations"]
        self.gateway.put(POD, pod)

    def fetch(self, at: str, rate: int | None = RATE) -> None:
        report = {
            "outcome": "Complete",
            "repository": "org/model",
            "commit": COMMIT,
            "bytes": 72_685_000_000,
            "files": 26,
            "manifestSha256": "5d" * 32,
            "readBytesPerSecond": rate,
        }
        self.end(self.download, at, report)

    def record(self) -> JSON | None:
        """Read what the volume, or the Job that filled a volume of the user's, says of what is there."""
        holder = self.find(CLAIM)
        if holder["metadata"]["name"] == "mine":
            holder = self.download
        text = (holder["metadata"].get("annotations") or {}).get("nemotron.dev/cached-model")
        return json.loads(text) if text else None

    def message(self, kind: str) -> str:
        conditions = {found["type"]: found for found in self.find(NEMOTRON)["status"]["conditions"]}
        words: str = conditions[kind]["message"]
        return words


def a_cluster_at_rest(deployment: DeploymentBuilder) -> CheckedCluster:
    """Make a cluster that serves what was downloaded at 7:59."""
    cluster = CheckedCluster(deployment.that_is_asked_nothing())
    if "existingClaim" in deployment.body["spec"].get("cache", {}):
        cluster.gateway.put(CLAIM, users_claim())
    cluster.reconcile()
    cluster.change(CLAIM, status={"phase": "Bound"})
    cluster.fetch("2026-11-24T07:59:00Z")
    cluster.reconcile()
    cluster.serve()
    cluster.settle()
    assert ("True", "Serving") == cluster.condition("Ready")
    return cluster


VOLUMES = pytest.mark.parametrize(
    "deployment",
    [
        pytest.param(a_deployment(), id="shared"),
        pytest.param(a_deployment().with_existing_claim("mine"), id="the user's"),
    ],
)


@VOLUMES
def test_a_request_reads_the_volume_once_and_moves_nothing_but_the_time(deployment: DeploymentBuilder) -> None:
    cluster = a_cluster_at_rest(deployment)
    before, server = cluster.record(), cluster.find(DEPLOYMENT)
    assert before is not None
    cluster.ask()
    cluster.settle()
    (check,) = cluster.checks
    assert ("True", "Serving") == cluster.condition("Ready")
    assert "Every byte is being read again." in cluster.message("ModelCached")

    cluster.end(check, "2026-11-24T09:05:00Z", {"outcome": "Complete", "readBytesPerSecond": 7})
    cluster.settle()

    assert {**before, "verified_at": "2026-11-24T09:05:00Z"} == cluster.record()
    assert "2026-11-24T09:05:00Z" == cluster.find(NEMOTRON)["status"]["cache"]["verifiedAt"]
    assert [] == cluster.checks
    assert server == cluster.find(DEPLOYMENT)
    assert "Every byte" not in cluster.message("ModelCached")
    assert [] == cluster.reconcile()
    cluster.restart()
    assert [] == cluster.reconcile()


@VOLUMES
def test_damage_is_told_fetched_again_and_touches_nothing_that_serves(deployment: DeploymentBuilder) -> None:
    cluster = a_cluster_at_rest(deployment)
    record, server, old = cluster.record(), cluster.find(DEPLOYMENT), cluster.download
    assert record is not None
    cluster.ask()
    cluster.settle()
    (check,) = cluster.checks
    cluster.end(check, "2026-11-24T09:05:00Z", DAMAGED)
    cluster.settle()

    assert ("False", "Damaged") == cluster.condition("ModelCached")
    assert "model-00003-of-00015.safetensors differs" in cluster.message("ModelCached")
    assert ("True", "Serving") == cluster.condition("Available")
    assert ("False", "Damaged") == cluster.condition("Ready")
    assert ("True", "Damaged") == cluster.condition("Reconciling")
    assert cluster.record() is None
    assert old["metadata"]["uid"] != cluster.download["metadata"]["uid"]
    assert [check["metadata"]["name"]] == [job["metadata"]["name"] for job in cluster.checks]
    cluster.restart()
    assert [] == cluster.reconcile()

    cluster.fetch("2026-11-24T09:20:00Z", rate=5)
    cluster.settle()

    # The rate is the first one: another would move the pods.
    assert {**record, "verified_at": "2026-11-24T09:20:00Z"} == cluster.record()
    assert ("True", "Cached") == cluster.condition("ModelCached")
    assert ("True", "Serving") == cluster.condition("Ready")
    assert [] == cluster.checks
    assert server == cluster.find(DEPLOYMENT)
    cluster.restart()
    assert [] == cluster.reconcile()


def test_damage_is_an_event_once() -> None:
    cluster = a_cluster_at_rest(a_deployment())
    cluster.ask()
    cluster.settle()
    (check,) = cluster.checks
    cluster.end(check, "2026-11-24T09:05:00Z", DAMAGED)
    cluster.settle()
    told = [(event["type"], event["reason"]) for event in cluster.gateway.events]
    assert 1 == told.count(("Warning", "Damaged"))


@VOLUMES
def test_a_repair_goes_on_when_the_evidence_is_deleted(deployment: DeploymentBuilder) -> None:
    cluster = a_cluster_at_rest(deployment)
    cluster.ask()
    cluster.settle()
    (check,) = cluster.checks
    cluster.end(check, "2026-11-24T09:05:00Z", DAMAGED)
    cluster.reconcile()
    cluster.gateway.take(JOB, "team", check["metadata"]["name"])
    cluster.restart()
    cluster.settle()
    assert ("False", "Damaged") == cluster.condition("ModelCached")
    cluster.fetch("2026-11-24T09:20:00Z", rate=5)
    cluster.settle()
    assert ("True", "Cached") == cluster.condition("ModelCached")
    assert cluster.record() is not None
    assert RATE == (cluster.record() or {})["read_bytes_per_second"]


def test_a_second_resource_learns_of_the_damage_from_the_volume() -> None:
    cluster = a_cluster_at_rest(a_deployment())
    cluster.ask()
    cluster.settle()
    (check,) = cluster.checks
    cluster.end(check, "2026-11-24T09:05:00Z", DAMAGED)
    cluster.settle()
    damaged = cluster.find(CLAIM)
    other = a_cluster_at_rest(a_deployment())
    other.gateway.put(
        CLAIM, {**damaged, "metadata": {**damaged["metadata"], "creationTimestamp": "2026-11-24T07:00:00Z"}}
    )
    old = other.download
    other.settle()
    assert ("False", "Damaged") == other.condition("ModelCached")
    assert other.record() is None
    assert old["metadata"]["uid"] != other.download["metadata"]["uid"]


@pytest.mark.parametrize("report", [UNREADABLE, None])
def test_a_check_that_could_not_be_made_takes_nothing_away(report: JSON | None) -> None:
    cluster = a_cluster_at_rest(a_deployment())
    record = cluster.record()
    cluster.ask()
    cluster.settle()
    (check,) = cluster.checks
    failed = report or {"outcome": "Failed"}
    cluster.end(check, "2026-11-24T09:05:00Z", failed)
    if report is None:
        pod = cluster.gateway.objects[POD, ("team", f"{check['metadata']['name']}-x")]
        pod["status"]["containerStatuses"] = []
    cluster.settle()
    assert record == cluster.record()
    assert ("True", "Serving") == cluster.condition("Ready")
    assert "The last check of every byte could not be made" in cluster.message("ModelCached")
    assert f"delete job {check['metadata']['name']}" in cluster.message("ModelCached")
    assert [check["metadata"]["name"]] == [job["metadata"]["name"] for job in cluster.checks]


def test_a_check_whose_pods_were_collected_before_they_were_read_is_made_again() -> None:
    """Whether it found damage is not known: the model may be on the volume no more."""
    cluster = a_cluster_at_rest(a_deployment())
    cluster.ask()
    cluster.settle()
    (check,) = cluster.checks
    cluster.end(check, "2026-11-24T09:05:00Z", DAMAGED)
    cluster.gateway.take(POD, "team", f"{check['metadata']['name']}-x")
    cluster.settle()
    (again,) = cluster.checks
    assert check["metadata"]["name"] == again["metadata"]["name"]
    assert check["metadata"]["uid"] != again["metadata"]["uid"]
    cluster.end(again, "2026-11-24T09:10:00Z", ABSENT)
    cluster.settle()
    assert ("False", "Damaged") == cluster.condition("ModelCached")


def test_a_request_that_is_no_time_is_ignored_and_told() -> None:
    cluster = a_cluster_at_rest(a_deployment())
    cluster.ask("tomorrow")
    cluster.settle()
    assert [] == cluster.checks
    assert ("True", "Serving") == cluster.condition("Ready")
    assert "'tomorrow'" in cluster.message("ModelCached")


def test_a_schedule_comes_back_in_time() -> None:
    deployment = a_deployment().having("cache.verify", "Schedule").having("cache.verifyIntervalHours", 24)
    cluster = a_cluster_at_rest(deployment)
    assert 24 * 3600 - 60 == cluster.retry_seconds
    cluster.now = datetime(2026, 11, 25, 7, 59, tzinfo=UTC)
    cluster.settle()
    (check,) = cluster.checks
    assert 24 * 3600 == cluster.retry_seconds
    cluster.end(check, "2026-11-25T08:10:00Z", {"outcome": "Complete"})
    cluster.now = datetime(2026, 11, 25, 8, 10, tzinfo=UTC)
    cluster.settle()
    assert [] == cluster.checks
    assert 24 * 3600 == cluster.retry_seconds


def test_a_check_that_takes_longer_than_the_interval_comes_to_its_end() -> None:
    deployment = a_deployment().having("cache.verify", "Schedule").having("cache.verifyIntervalHours", 1)
    cluster = a_cluster_at_rest(deployment)
    cluster.now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    cluster.settle()
    (check,) = cluster.checks
    cluster.now = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
    assert [] == cluster.reconcile()
    cluster.end(check, "2026-11-24T11:45:00Z", {"outcome": "Complete"})
    cluster.now = datetime(2026, 11, 24, 11, 45, tzinfo=UTC)
    cluster.settle()
    assert [] == cluster.checks
    assert 3600 == cluster.retry_seconds


def test_a_scheduled_check_that_failed_is_made_again_on_the_next_date() -> None:
    deployment = a_deployment().having("cache.verify", "Schedule").having("cache.verifyIntervalHours", 24)
    cluster = a_cluster_at_rest(deployment)
    cluster.now = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
    cluster.settle()
    (failed,) = cluster.checks
    cluster.end(failed, "2026-11-25T08:10:00Z", UNREADABLE)
    cluster.settle()
    cluster.now = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
    cluster.settle()
    (again,) = cluster.checks
    assert failed["metadata"]["name"] != again["metadata"]["name"]


def a_pod_that_checks(cluster: CheckedCluster, ended_at: str, report: JSON) -> JSON:
    """Report a serving pod whose init container ended so, and waits to be run again."""
    template = cluster.find(DEPLOYMENT)["spec"]["template"]
    pod = a_live_pod("nemotron-0", revision=template["metadata"]["labels"]["nemotron.dev/revision"], phase="Pending")
    pod["spec"] = template["spec"]
    ended = {"exitCode": 3, "reason": "Error", "message": json.dumps(report), "finishedAt": ended_at}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
    pod["status"]["initContainerStatuses"] = [a_container("verify-weights", 1, waiting=waiting, last=ended)]
    pod["status"]["containerStatuses"] = [a_container(waiting={"reason": "PodInitializing"})]
    return pod


@VOLUMES
def test_what_is_found_before_a_start_is_fetched_again_and_no_pod_is_touched(deployment: DeploymentBuilder) -> None:
    cluster = a_cluster_at_rest(deployment.having("cache.verify", "OnStart"))
    record, server = cluster.record(), cluster.find(DEPLOYMENT)
    assert record is not None
    cluster.gateway.put(POD, a_pod_that_checks(cluster, "2026-11-24T09:05:00Z", DAMAGED))
    cluster.now = datetime(2026, 11, 24, 9, 6, tzinfo=UTC)
    cluster.settle()
    assert ("False", "Damaged") == cluster.condition("ModelCached")
    assert ("False", "Damaged") == cluster.condition("Available")
    assert "starts no engine: model-00003-of-00015.safetensors" in cluster.message("Available")
    assert ("True", "Damaged") == cluster.condition("Reconciling")
    assert cluster.record() is None

    # The kubelet tries again while the model is still on its way: nothing new is told, and nothing written.
    cluster.gateway.put(POD, a_pod_that_checks(cluster, "2026-11-24T09:10:00Z", ABSENT))
    (job, status) = cluster.download["metadata"]["uid"], cluster.message("ModelCached")
    cluster.settle()
    assert (job, status) == (cluster.download["metadata"]["uid"], cluster.message("ModelCached"))

    cluster.fetch("2026-11-24T09:20:00Z", rate=5)
    cluster.settle()
    assert {**record, "verified_at": "2026-11-24T09:20:00Z"} == cluster.record()
    assert ("True", "Cached") == cluster.condition("ModelCached")
    assert server == cluster.find(DEPLOYMENT)
    cluster.serve()
    cluster.settle()
    assert ("True", "Serving") == cluster.condition("Ready")


def test_what_an_older_download_left_is_no_evidence_against_the_next() -> None:
    cluster = a_cluster_at_rest(a_deployment().having("cache.verify", "OnStart"))
    cluster.gateway.put(POD, a_pod_that_checks(cluster, "2026-11-24T07:58:00Z", DAMAGED))
    cluster.settle()
    assert ("True", "Cached") == cluster.condition("ModelCached")


def test_damage_of_another_commit_is_no_evidence() -> None:
    cluster = a_cluster_at_rest(a_deployment().having("cache.verify", "OnStart"))
    pod = a_pod_that_checks(cluster, "2026-11-24T09:05:00Z", DAMAGED)
    check, *others = pod["spec"]["initContainers"]
    other = {**check, "args": ["verify", "--destination=/models", f"--commit={'f' * 40}"]}
    cluster.gateway.put(POD, {**pod, "spec": {**pod["spec"], "initContainers": [other, *others]}})
    cluster.settle()
    assert ("True", "Cached") == cluster.condition("ModelCached")
