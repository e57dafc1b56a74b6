import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from nemotron_operator.cluster.observation import (
    claim_of,
    is_older,
    observe_claim,
    observe_job,
    observe_server,
    read_claim_fact,
    read_recorded_model,
)
from nemotron_operator.cluster.pods import observe_pods
from nemotron_operator.downloader.outcome import Complete
from nemotron_operator.plan.facts import CachedModel, ClaimFact
from nemotron_operator.render.metadata import CACHED_MODEL_ANNOTATION
from nemotron_operator.status.observation import ObservedClaim
from nemotron_operator.status.observed_jobs import JobState
from nemotron_operator.status.observed_pods import ContainerRun, ContainerTrouble, JobFailure, ObservedPod
from nemotron_operator.status.observed_servers import ObservedServer
from nemotron_operator.status.trouble import explain_pods
from nemotron_operator.termination.outcome import Failed, render_line
from nemotron_operator.volume.errors import NoSpaceError
from tests.support.downloader_server import a_downloading_pod
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import (
    a_container,
    a_finished_cache_pod,
    a_live_claim,
    a_live_job,
    a_live_object,
    a_live_pod,
    condition,
)
from tests.support.fixtures.plans import render_cached

JSON = dict[str, Any]

COMPLETE = Complete(
    repository="org/model",
    commit="c0",
    size_bytes=72_000,
    files=26,
    manifest_sha256="5d",
    seconds=1.0,
    fetched_bytes=72_000,
)
IS_COMPLETE: JSON = {"conditions": [condition("Complete")], "completionTime": "2026-11-24T08:00:00Z"}
IS_FAILED: JSON = {"conditions": [condition("Failed", reason="BackoffLimitExceeded")], "failed": 7}


def a_live_server(generation: int = 2, **status: object) -> JSON:
    server = a_live_object("Deployment", "nemotron")
    server["metadata"]["generation"] = generation
    return {**server, "status": status}


def test_a_new_deployment_has_nothing_yet() -> None:
    server = a_live_server()
    del server["status"]
    assert ObservedServer(0, is_observed=False, deadline_message="") == observe_server(server)


def test_a_deployment_that_serves_is_read() -> None:
    server = a_live_server(replicas=2, updatedReplicas=1, readyReplicas=2, observedGeneration=2)
    assert ObservedServer(2, is_observed=True, deadline_message="") == observe_server(server)


def test_a_deployment_whose_controller_lags_is_not_observed() -> None:
    assert not observe_server(a_live_server(generation=3, observedGeneration=2)).is_observed


def test_an_exceeded_deadline_is_read() -> None:
    late = condition("Progressing", "False", "ProgressDeadlineExceeded", "It timed out.")
    assert "It timed out." == observe_server(a_live_server(conditions=[late])).deadline_message
    fine = condition("Progressing", "True", "NewReplicaSetAvailable", "It is available.")
    assert "" == observe_server(a_live_server(conditions=[fine])).deadline_message


OVER_QUOTA = 'pods "nemotron-5d8f-x" is forbidden: exceeded quota: compute'


@pytest.mark.parametrize(
    ("refusal", "updated", "words"),
    [
        (condition("ReplicaFailure", "True", "FailedCreate", OVER_QUOTA), 1, OVER_QUOTA),
        (condition("ReplicaFailure", "True", "FailedCreate", OVER_QUOTA), 2, ""),
        (condition("ReplicaFailure", "False", "FailedCreate", OVER_QUOTA), 1, ""),
        (condition("ReplicaFailure", "True", "FailedDelete", "It stays."), 1, ""),
        (condition("ReplicaFailure", "True", "FailedCreate"), 1, "it does not say why"),
    ],
    ids=["refused", "all are there", "over", "another failure", "without words"],
)
def test_why_pods_may_not_be_made_is_read_while_they_are_missing(refusal: JSON, updated: int, words: str) -> None:
    server = a_live_server(conditions=[refusal], updatedReplicas=updated) | {"spec": {"replicas": 2}}
    assert words == observe_server(server).refusal


def test_a_pod_is_read() -> None:
    (pod,) = observe_pods([a_live_pod("p", revision="r", ready=True)])
    expected = ObservedPod(
        "p", "r", "2026-11-24T07:55:00Z", ready=True, unschedulable="", trouble=None, deployment="nemotron"
    )
    assert expected == pod


def test_a_pod_that_is_being_deleted_is_not_meant_to_stay() -> None:
    leaving = a_live_pod(ready=True)
    leaving["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    assert () == observe_pods([leaving])


@pytest.mark.parametrize(
    ("scheduled", "words"),
    [
        (condition("PodScheduled", "False", "Unschedulable", "0/4 nodes."), "0/4 nodes."),
        (condition("PodScheduled", "False", "SchedulingGated", "A gate."), ""),
        (condition("PodScheduled", "True"), ""),
    ],
)
def test_only_what_the_scheduler_cannot_place_is_unschedulable(scheduled: JSON, words: str) -> None:
    (pod,) = observe_pods([a_live_pod(conditions=[scheduled])])
    assert words == pod.unschedulable


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (
            a_container(waiting={"reason": "ContainerCreating"}),
            ContainerTrouble("ContainerCreating", "", "", 0, "", 0),
        ),
        (
            a_container(
                restarts=3,
                waiting={"reason": "CrashLoopBackOff", "message": "back-off"},
                last={"reason": "Error", "exitCode": 1, "message": "Ouch."},
            ),
            ContainerTrouble("CrashLoopBackOff", "back-off", "Error", 1, "Ouch.", 3),
        ),
        (
            a_container(restarts=1, terminated={"reason": "OOMKilled", "exitCode": 137}),
            ContainerTrouble("", "", "OOMKilled", 137, "", 1, has_just_ended=True),
        ),
        (a_container(running={"startedAt": "now"}), ContainerTrouble("", "", "", 0, "", 0)),
    ],
)
def test_a_container_is_read(container: JSON, expected: ContainerTrouble) -> None:
    (pod,) = observe_pods([a_live_pod(containers=[container])])
    assert pod.trouble is not None
    assert expected == replace(pod.trouble, last_run=ContainerRun())


CRASHING = a_container(
    restarts=3, waiting={"reason": "CrashLoopBackOff"}, last={"reason": "Error", "exitCode": 1, "message": "Ouch."}
)


def test_an_injected_sidecar_does_not_hide_the_engine() -> None:
    sidecar = a_container("istio-proxy", running={"startedAt": "now"})
    trouble = explain_pods(observe_pods([a_live_pod(containers=[sidecar, CRASHING])]), "team")
    assert trouble is not None
    assert "Ouch." in trouble.message


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_has_ended_for_ever_does_not_start(phase: str) -> None:
    """Such as one that was evicted, or that the kubelet did not admit: its ReplicaSet has made another."""
    assert () == observe_pods([a_live_pod(phase=phase)])


def test_a_running_download_is_active() -> None:
    job = observe_job(a_live_job(active=1), [])
    assert (JobState.ACTIVE, None, None, 0) == (job.state, job.result, job.failure, job.failed_pods)


def test_a_job_without_a_status_is_active() -> None:
    job = a_live_job()
    del job["status"]
    assert JobState.ACTIVE is observe_job(job, []).state


def test_the_downloaders_own_words_become_the_result() -> None:
    pod = a_finished_cache_pod(render_line(COMPLETE) + "\n")
    expected = CachedModel("org/model", "c0", 72_000, 26, "5d", "2026-11-24T08:00:00Z")
    job = observe_job(a_live_job(**IS_COMPLETE), [pod])
    assert (JobState.COMPLETE, expected) == (job.state, job.result)


@pytest.mark.parametrize("ended", [IS_COMPLETE, IS_FAILED])
@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_a_job_that_ended_before_its_pods_end_was_seen_is_still_active(ended: dict[str, Any], phase: str) -> None:
    """Its report is on its way; who believed the Job alone would tell of one that left none."""
    pod = a_finished_cache_pod("")
    pod["status"] = {"phase": phase}
    assert JobState.ACTIVE is observe_job(a_live_job(**ended), [pod]).state


def test_a_result_counts_only_once_the_job_is_complete() -> None:
    assert observe_job(a_live_job(), [a_finished_cache_pod(render_line(COMPLETE))]).result is None


def test_the_downloaders_own_words_become_the_failure() -> None:
    pod = a_finished_cache_pod(render_line(Failed.from_error(NoSpaceError("The volume is full."))))
    job = observe_job(a_live_job(**IS_FAILED), [pod])
    expected = (JobState.FAILED, JobFailure("NoSpace", "The volume is full."), 7)
    assert expected == (job.state, job.failure, job.failed_pods)


def test_the_last_failure_counts_also_while_the_job_tries_again() -> None:
    pods = [
        a_finished_cache_pod({"outcome": "Failed", "reason": "Two", "message": ""}, "b", "2026-11-24T08:00:00Z"),
        a_finished_cache_pod({"outcome": "Failed", "reason": "One", "message": ""}, "a", "2026-11-24T07:00:00Z"),
    ]
    job = observe_job(a_live_job(failed=2), pods)
    assert (JobState.ACTIVE, JobFailure("Two", "")) == (job.state, job.failure)


@pytest.mark.parametrize("message", ["", "Killed", "{", "[]", '{"message": 3}', '{"outcome": null}', "null"])
def test_words_of_another_program_are_no_report(message: str) -> None:
    job = observe_job(a_live_job(**IS_COMPLETE), [a_finished_cache_pod(message)])
    assert (None, None) == (job.result, job.failure)


def test_fields_of_a_newer_downloader_are_ignored() -> None:
    line = json.dumps({**json.loads(render_line(COMPLETE)), "somethingNew": [1]})
    assert observe_job(a_live_job(**IS_COMPLETE), [a_finished_cache_pod(line)]).result is not None


def test_a_pod_of_another_job_says_nothing() -> None:
    pod = a_finished_cache_pod(render_line(COMPLETE))
    pod["metadata"]["ownerReferences"][0]["uid"] = "another"
    assert observe_job(a_live_job(**IS_COMPLETE), [pod]).result is None


def test_a_job_that_exceeded_its_deadline_says_so() -> None:
    late = condition("Failed", reason="DeadlineExceeded", message="Job was active longer than specified deadline")
    job = observe_job(a_live_job(conditions=[late]), [])
    assert job.failure is not None
    assert "deadline" in job.failure.message


def test_a_job_names_the_volume_that_it_fills() -> None:
    job = render_cached(a_deployment().with_existing_claim("mine")).download_job
    assert job is not None
    assert "mine" == claim_of(job)


@pytest.mark.parametrize(
    ("made_at", "is_outlived"),
    [("2026-11-24T06:59:59Z", False), ("2026-11-24T07:00:00Z", False), ("2026-11-24T07:00:01Z", True), (None, True)],
)
def test_a_job_does_not_outlive_the_volume_that_it_filled(made_at: str | None, is_outlived: bool) -> None:  # noqa: FBT001 - a column
    job, claim = a_live_job(), a_live_claim()
    job["metadata"]["creationTimestamp"] = "2026-11-24T07:00:00Z"
    claim["metadata"]["creationTimestamp"] = made_at
    assert is_outlived == is_older(job, claim if made_at else None)


@pytest.mark.parametrize(("phase", "is_bound"), [("Bound", True), ("Pending", False), ("Lost", False)])
def test_a_volume_is_bound_or_not(phase: str, is_bound: bool) -> None:  # noqa: FBT001 - a column
    assert ObservedClaim("model-x", bound=is_bound) == observe_claim(a_live_claim(phase=phase))


def test_a_volume_that_nobody_has_seen_yet_is_not_bound() -> None:
    claim = a_live_claim()
    del claim["status"]
    assert not observe_claim(claim).bound


def test_what_a_volume_asks_for_is_read() -> None:
    claim = a_live_claim(storageClassName="fast", resources={"requests": {"storage": "1Ti"}})
    assert ClaimFact(1024**4, "fast", ("ReadWriteOnce",)) == read_claim_fact(claim)


@pytest.mark.parametrize("size", ["1Ei", "1E", "1e12", "100E6"])
def test_a_users_volume_of_any_size_is_read(size: str) -> None:
    assert read_claim_fact(a_live_claim(resources={"requests": {"storage": size}})).size_bytes > 0


def test_what_a_download_left_is_recorded_and_read_again() -> None:
    claim = render_cached(a_deployment()).claim
    assert claim is not None
    recorded = read_recorded_model(claim)
    assert recorded is not None
    assert (26, 72_685_000_000) == (recorded.files, recorded.size_bytes)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"commit": "c"}', '{"a": 1}'])
def test_a_record_that_is_not_sound_is_none(text: str) -> None:
    assert read_recorded_model(a_live_claim(annotations={CACHED_MODEL_ANNOTATION: text})) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("size_bytes", "1"), ("size_bytes", -1), ("files", None), ("commit", "c" * 65), ("repository", "r" * 601)],
)
def test_a_record_that_no_status_could_tell_is_none(field: str, value: object) -> None:
    """It would end every reconcile of all that share the volume."""
    sound = asdict(CachedModel("org/model", "c" * 40, 1, 1, "5d" * 32, "2026-11-24T08:00:00Z"))
    told = a_live_claim(annotations={CACHED_MODEL_ANNOTATION: json.dumps(sound)})
    assert CachedModel(**sound) == read_recorded_model(told)
    broken = a_live_claim(annotations={CACHED_MODEL_ANNOTATION: json.dumps({**sound, field: value})})
    assert read_recorded_model(broken) is None


def test_a_volume_without_annotations_has_no_record() -> None:
    claim = a_live_claim()
    claim["metadata"]["annotations"] = None
    assert read_recorded_model(claim) is None


@pytest.mark.parametrize(("phase", "is_running"), [("Pending", False), ("Running", True), ("Failed", False)])
def test_a_job_runs_while_a_pod_of_it_runs(phase: str, is_running: bool) -> None:  # noqa: FBT001 - a column
    job = a_live_job()
    assert is_running == observe_job(job, [a_downloading_pod(job, phase=phase)]).is_running
    other = a_live_job("other")
    other["metadata"]["uid"] = "another"
    assert not observe_job(other, [a_downloading_pod(job, phase=phase)]).is_running


def test_a_job_whose_pod_is_being_deleted_does_not_run() -> None:
    job = a_live_job()
    pod = a_downloading_pod(job)
    pod["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    assert not observe_job(job, [pod]).is_running
