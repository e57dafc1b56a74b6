"""Live objects to what is known of the bytes on a volume: when they were last read, and what was found. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nemotron_operator.api.cache import CacheSpec
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.observation import (
    JobReport,
    claim_of,
    find_failure,
    list_pods_of,
    parse_report,
    read_end,
    read_job_state,
    read_reports,
    read_told_state,
)
from nemotron_operator.cluster.pods import observe_pods
from nemotron_operator.plan.check import find_due_check, parse_moment
from nemotron_operator.plan.facts import CachedModel, Damage
from nemotron_operator.render.metadata import CHECK_ANNOTATION, CHECK_REQUEST_ANNOTATION, DAMAGED_MODEL_ANNOTATION
from nemotron_operator.render.pods import START_CHECK_CONTAINER
from nemotron_operator.status.observed_jobs import JobState, ObservedCheck
from nemotron_operator.status.start_check import DAMAGE_REASONS

_DAMAGE = TypeAdapter(Damage)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the children of a resource tell of a volume."""

    jobs: Sequence[KubernetesObject]
    """The check Jobs."""
    pods: Sequence[KubernetesObject]
    """All pods."""


@dataclass(frozen=True, slots=True)
class VolumeState:
    """What is on a volume, as far as anything says."""

    cached: CachedModel | None
    """None while nothing is there that may be served."""
    damage: Damage | None
    """None once the model was fetched again."""


def is_check(live: KubernetesObject) -> bool:
    """Tell a check Job, or a pod of one, from those that fetch."""
    return CHECK_ANNOTATION in (live["metadata"].get("annotations") or {})


def read_request(deployment: KubernetesObject | None) -> str | None:
    """Read when somebody asked for a check, as it was written."""
    annotations = (deployment["metadata"].get("annotations") or {}) if deployment else {}
    asked: str | None = annotations.get(CHECK_REQUEST_ANNOTATION)
    return asked


def read_damage(live: KubernetesObject) -> Damage | None:
    """Read what an earlier look recorded on a claim or a Job; None when nothing sound stands there."""
    recorded = (live["metadata"].get("annotations") or {}).get(DAMAGED_MODEL_ANNOTATION)
    try:
        return _DAMAGE.validate_json(recorded, strict=True) if recorded else None
    except ValidationError:
        return None


def judge_volume(claim_name: str, record: CachedModel | None, known: Damage | None, evidence: Evidence) -> VolumeState:
    """Judge what is on a volume.

    Parameters
    ----------
    record
        What the last download left, if there is one.
    known
        What was found to be damaged since, as it was recorded: it outlives the Job or the pod that found it.
    """
    if record is None:
        return VolumeState(None, known)
    if is_refuted(record, known):
        return VolumeState(None, known)
    settled = settle(claim_name, record, known, evidence)
    found = max(_list_damages(claim_name, record.commit, evidence), key=lambda damage: damage.found_at, default=None)
    if is_refuted(settled, found) and found is not None:
        return VolumeState(None, replace(found, read_bytes_per_second=settled.read_bytes_per_second))
    return VolumeState(settled, None)


def is_refuted(record: CachedModel, damage: Damage | None) -> bool:
    """Tell whether damage was found after the model was last read as a whole."""
    if damage is None:
        return False
    verified, found = parse_moment(record.verified_at), parse_moment(damage.found_at)
    return found is not None and (verified is None or verified <= found)


def settle(claim_name: str, record: CachedModel, known: Damage | None, evidence: Evidence) -> CachedModel:
    """Bring a record up to date: the checks since then move its time, and nothing moves its read rate.

    The rate sits in the startup budget, which sits in the pods: those that serve do not move for a repair.
    """
    verified_at = max((record.verified_at, *_list_verified(claim_name, record.commit, evidence.jobs)))
    rate = known.read_bytes_per_second if known else record.read_bytes_per_second
    return replace(record, verified_at=verified_at, read_bytes_per_second=rate)


def find_check_due(
    state: VolumeState, cache: CacheSpec, requested_at: str | None, now: datetime, running_since: str | None
) -> str | None:
    """Find since when a check of what is cached is due, RFC 3339, beside one that runs."""
    if state.cached is None:
        return None
    return find_due_check(cache, state.cached.verified_at, requested_at, now, running_since)


def find_running_check(claim_name: str, state: VolumeState, jobs: Iterable[KubernetesObject]) -> str | None:
    """Find since when the check is due that reads the volume now, RFC 3339; None while none does."""
    running = [
        job["metadata"]["annotations"][CHECK_ANNOTATION]
        for job in jobs
        if state.cached is not None
        and _checks(job, claim_name, state.cached.commit)
        and read_job_state(job) is JobState.ACTIVE
        and "deletionTimestamp" not in job["metadata"]
    ]
    return max(running, default=None)


def observe_check(job: KubernetesObject, pods: Iterable[KubernetesObject]) -> ObservedCheck:
    """Read how far a check Job is, with what its pods said at their end."""
    own = list_pods_of(job, pods)
    failure = find_failure(job, read_reports(job, own, JobReport))
    return ObservedCheck(job["metadata"]["name"], read_told_state(job, own), failure, observe_pods(own))


def _list_verified(claim_name: str, commit: str, jobs: Iterable[KubernetesObject]) -> Iterator[str]:
    """List when the checks that found everything in order ended; none ends before the moment that it is due since."""
    for job in jobs:
        if _checks(job, claim_name, commit) and read_job_state(job) is JobState.COMPLETE:
            yield max(read_end(job), job["metadata"]["annotations"][CHECK_ANNOTATION])


def _list_damages(claim_name: str, commit: str, evidence: Evidence) -> Iterator[Damage]:
    for job in evidence.jobs:
        if _checks(job, claim_name, commit) and read_job_state(job) is JobState.FAILED:
            for report in read_reports(job, evidence.pods, JobReport):
                if report.reason in DAMAGE_REASONS:
                    yield Damage(read_end(job), report.message)
    for pod in evidence.pods:
        if _starts_with_check(pod, claim_name, commit):
            yield from _list_damages_before_start(pod)


def _checks(job: KubernetesObject, claim_name: str, commit: str) -> bool:
    if not is_check(job) or claim_of(job) != claim_name:
        return False
    return any(_names_commit(container, commit) for container in job["spec"]["template"]["spec"]["containers"])


def _starts_with_check(pod: KubernetesObject, claim_name: str, commit: str) -> bool:
    spec = pod.get("spec") or {}
    claims = [(volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in spec.get("volumes") or []]
    checks = [each for each in spec.get("initContainers") or [] if each["name"] == START_CHECK_CONTAINER]
    return claim_name in claims and any(_names_commit(check, commit) for check in checks)


def _names_commit(container: Mapping[str, Any], commit: str) -> bool:
    return f"--commit={commit}" in (container.get("args") or [])


def _list_damages_before_start(pod: KubernetesObject) -> Iterator[Damage]:
    """List what the init container said: it is run again and again, and its last end stands while it waits."""
    for status in (pod.get("status") or {}).get("initContainerStatuses") or []:
        for state in (status.get("state") or {}, status.get("lastState") or {}):
            ended = state.get("terminated") or {}
            report = (
                parse_report(ended.get("message") or "", JobReport) if status["name"] == START_CHECK_CONTAINER else None
            )
            if report is not None and report.reason in DAMAGE_REASONS:
                yield Damage(ended.get("finishedAt") or "", report.message)
