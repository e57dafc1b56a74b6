"""What children of a resource tell of the bytes on a volume."""

import json
from dataclasses import replace
from typing import Any

import pytest

from nemotron_operator.cluster.checks import (
    Evidence,
    VolumeState,
    is_refuted,
    judge_volume,
    observe_check,
    read_damage,
    read_request,
    settle,
)
from nemotron_operator.cluster.pods import observe_pods
from nemotron_operator.plan.facts import CachedModel, Damage
from nemotron_operator.status.observed_jobs import JobState
from nemotron_operator.status.observed_pods import JobFailure
from tests.support.fixtures.live_objects import (
    a_container,
    a_live_claim,
    a_live_job,
    a_live_pod,
    condition,
    controlled_by,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
RECORD = CachedModel("org/model", COMMIT, 72, 26, "5d" * 32, "2026-11-24T08:00:00Z", 1_400)
NOTHING = Evidence((), ())
DAMAGED = json.dumps({"outcome": "Failed", "reason": "Damaged", "message": "a.safetensors differs."})

JSON = dict[str, Any]


def a_check(
    ended: str, at: str, *, commit: str = COMMIT, claim: str = "model-x", due_since: str = "2026-11-24T08:30:00Z"
) -> JSON:
    """Report a check Job that ended so."""
    end = {**condition(ended), "lastTransitionTime": at}
    job = a_live_job("nemotron-check-1", conditions=[end], **({"completionTime": at} if ended == "Complete" else {}))
    job["metadata"]["annotations"] = {"nemotron.dev/check-due-since": due_since}
    container = {"name": "check", "args": ["verify", f"--commit={commit}"]}
    volume = {"name": "models", "persistentVolumeClaim": {"claimName": claim}}
    job["spec"] = {"template": {"spec": {"containers": [container], "volumes": [volume]}}}
    return job


def a_check_pod(job: JSON, message: str = DAMAGED) -> JSON:
    container = a_container("check", terminated={"exitCode": 3, "message": message})
    owner = controlled_by(job["metadata"]["name"], job["metadata"]["uid"], "Job")
    return a_live_pod("check-x", component="cache", containers=[container], phase="Failed", owner=owner)


def a_starting_pod(*statuses: JSON, claim: str = "model-x") -> JSON:
    pod = a_live_pod()
    check = {"name": "verify-weights", "args": ["verify", f"--commit={COMMIT}"]}
    volume = {"name": "models", "persistentVolumeClaim": {"claimName": claim}}
    pod["spec"] = {"initContainers": [check], "volumes": [{"name": "tmp", "emptyDir": {}}, volume]}
    pod["status"]["initContainerStatuses"] = list(statuses)
    return pod


def ended(message: str = DAMAGED, at: str = "2026-11-24T09:00:00Z") -> JSON:
    return {"exitCode": 3, "message": message, "finishedAt": at}


def judge(evidence: Evidence, record: CachedModel | None = RECORD, known: Damage | None = None) -> VolumeState:
    return judge_volume("model-x", record, known, evidence)


def test_without_evidence_the_record_stands() -> None:
    assert VolumeState(RECORD, None) == judge(NOTHING)


def test_without_a_record_nothing_is_there() -> None:
    assert VolumeState(None, None) == judge(NOTHING, None)


def test_a_check_that_ended_well_moves_the_time_and_not_the_rate() -> None:
    evidence = Evidence([a_check("Complete", "2026-11-24T09:00:00Z")], [])
    assert VolumeState(replace(RECORD, verified_at="2026-11-24T09:00:00Z"), None) == judge(evidence)


def test_a_check_never_ends_before_it_was_due() -> None:
    """The clocks of the operator and of the controller manager differ: it would be due for ever."""
    job = a_check("Complete", "2026-11-24T08:29:58Z", due_since="2026-11-24T08:30:00Z")
    assert "2026-11-24T08:30:00Z" == settle("model-x", RECORD, None, Evidence([job], [])).verified_at


@pytest.mark.parametrize(
    "job",
    [
        a_check("Complete", "2026-11-24T09:00:00Z", commit="f" * 40),
        a_check("Complete", "2026-11-24T09:00:00Z", claim="model-y"),
        a_check("Failed", "2026-11-24T09:00:00Z"),
        a_check("Complete", "2026-11-24T07:00:00Z", due_since="2026-11-24T06:30:00Z"),
    ],
)
def test_another_check_moves_nothing(job: JSON) -> None:
    assert VolumeState(RECORD, None) == judge(Evidence([job], []))


def test_a_check_that_found_damage_refutes_the_record_and_keeps_its_rate() -> None:
    job = a_check("Failed", "2026-11-24T09:00:00Z")
    expected = Damage("2026-11-24T09:00:00Z", "a.safetensors differs.", 1_400)
    assert VolumeState(None, expected) == judge(Evidence([job], [a_check_pod(job)]))


@pytest.mark.parametrize("message", ["", "Killed", '{"outcome": "Failed", "reason": "Unexpected", "message": "Oops."}'])
def test_a_check_that_failed_otherwise_refutes_nothing(message: str) -> None:
    job = a_check("Failed", "2026-11-24T09:00:00Z")
    assert VolumeState(RECORD, None) == judge(Evidence([job], [a_check_pod(job, message)]))


def test_a_check_that_found_damage_before_the_download_refutes_nothing() -> None:
    job = a_check("Failed", "2026-11-24T07:59:59Z")
    assert VolumeState(RECORD, None) == judge(Evidence([job], [a_check_pod(job)]))


@pytest.mark.parametrize(
    "status",
    [
        a_container("verify-weights", terminated=ended()),
        a_container("verify-weights", 1, waiting={"reason": "CrashLoopBackOff"}, last=ended()),
        a_container("verify-weights", 1, running={}, last=ended()),
    ],
)
def test_what_is_found_before_a_start_refutes_the_record(status: JSON) -> None:
    state = judge(Evidence([], [a_starting_pod(status)]))
    assert VolumeState(None, Damage("2026-11-24T09:00:00Z", "a.safetensors differs.", 1_400)) == state


@pytest.mark.parametrize(
    "pod",
    [
        a_starting_pod(a_container("verify-weights", terminated=ended()), claim="model-y"),
        a_starting_pod(a_container("verify-weights", terminated=ended(at="2026-11-24T07:59:59Z"))),
        a_starting_pod(a_container("verify-weights", terminated=ended("Killed"))),
        a_starting_pod(a_container("of-a-mesh", terminated=ended())),
        a_starting_pod(),
        a_live_pod(),
    ],
)
def test_other_pods_refute_nothing(pod: JSON) -> None:
    assert VolumeState(RECORD, None) == judge(Evidence([], [pod]))


def test_of_several_findings_the_newest_counts() -> None:
    first = a_starting_pod(a_container("verify-weights", terminated=ended(at="2026-11-24T09:00:00Z")))
    second = a_starting_pod(a_container("verify-weights", terminated=ended(at="2026-11-24T10:00:00Z")))
    state = judge(Evidence([], [second, first]))
    assert state.damage is not None
    assert "2026-11-24T10:00:00Z" == state.damage.found_at


def test_what_was_recorded_as_damaged_stays_so_until_a_newer_record() -> None:
    known = Damage("2026-11-24T09:00:00Z", "a.safetensors differs.", 1_000)
    assert VolumeState(None, known) == judge(NOTHING, None, known)
    assert VolumeState(None, known) == judge(NOTHING, RECORD, known)
    repaired = replace(RECORD, verified_at="2026-11-24T09:00:01Z", read_bytes_per_second=7)
    assert VolumeState(replace(repaired, read_bytes_per_second=1_000), None) == judge(NOTHING, repaired, known)


@pytest.mark.parametrize(
    ("verified_at", "found_at", "expected"),
    [
        ("2026-11-24T08:00:00Z", "2026-11-24T08:00:01Z", True),
        ("2026-11-24T08:00:00Z", "2026-11-24T08:00:00Z", True),
        ("2026-11-24T08:00:01Z", "2026-11-24T08:00:00Z", False),
        ("", "2026-11-24T08:00:00Z", True),
        ("2026-11-24T08:00:00Z", "", False),
    ],
)
def test_a_record_outlives_only_what_was_found_before_it(verified_at: str, found_at: str, expected: bool) -> None:  # noqa: FBT001 - a column
    assert expected == is_refuted(replace(RECORD, verified_at=verified_at), Damage(found_at, ""))


@pytest.mark.parametrize("text", ["", "{}", "[]", "no JSON", '{"message": "a"}'])
def test_a_record_of_damage_that_somebody_broke_is_none(text: str) -> None:
    assert read_damage(a_live_claim(annotations={"nemotron.dev/damaged-model": text})) is None


def test_a_request_is_read_as_it_stands() -> None:
    assert read_request(None) is None
    assert read_request({"metadata": {"name": "nemotron"}}) is None
    annotated = {"metadata": {"annotations": {"nemotron.dev/verify-requested-at": "soon"}}}
    assert "soon" == read_request(annotated)


def test_a_check_tells_how_far_it_is_and_what_its_pods_said() -> None:
    job = a_check("Failed", "2026-11-24T09:00:00Z")
    seen = observe_check(job, [a_check_pod(job), a_live_pod()])
    assert (JobState.FAILED, JobFailure("Damaged", "a.safetensors differs."), ()) == (
        seen.state,
        seen.failure,
        seen.pods,
    )


def test_a_check_that_ended_before_its_pods_end_was_seen_still_runs() -> None:
    """What the pod says is on its way."""
    job = a_check("Failed", "2026-11-24T09:00:00Z")
    pod = a_check_pod(job)
    pod["status"] = {"phase": "Running"}
    assert JobState.ACTIVE is observe_check(job, [pod]).state


def test_a_pod_that_starts_nothing_says_why_until_it_is_verified_again() -> None:
    kept = a_starting_pod(a_container("verify-weights", 1, waiting={"reason": "CrashLoopBackOff"}, last=ended()))
    again = a_starting_pod(a_container("verify-weights", 1, running={}, last=ended()))
    passed = a_starting_pod(a_container("verify-weights", 1, terminated={"exitCode": 0}, last=ended()))
    failures = [pod.trouble and pod.trouble.check_failure for pod in observe_pods([kept, again, passed])]
    assert [JobFailure("Damaged", "a.safetensors differs."), None, None] == failures
