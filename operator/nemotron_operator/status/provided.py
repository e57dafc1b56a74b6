"""Weights that the user provides: what was found on the volume, or which image holds them."""

from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.plan.serving_plan import CachePlan
from nemotron_operator.status.amounts import format_size
from nemotron_operator.status.judgement import Judged, describe_retry, is_reason, no, yes
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedInspection
from nemotron_operator.status.volume_wait import find_wait

_KIND = ConditionType.MODEL_CACHED


def find_provided(cache: CachePlan, observation: Observation, namespace: str) -> Judged:
    """Tell whether weights that were not downloaded can be served."""
    if cache.image is not None:
        inside = f"{cache.provided_path!r} of image" if cache.provided_path else "image"
        message = f"The weights are in {inside} {cache.image!r}, which the nodes pull; they are not looked at before."
        return Judged(yes(_KIND, Reason.PROVIDED, message))
    where = f"{cache.provided_path!r} on volume {cache.claim_name!r}"
    if cache.inspected is not None:
        found = cache.inspected
        digest = found.manifest_sha256
        checked = f"the SHA-256 of each is in the manifest {digest[:12]}" if digest else "hashes were not"
        message = (
            f"{found.files} files with config.json, {format_size(found.size_bytes)} in {where}, are yours; sizes were "
            f"checked, {checked}."
        )
        return Judged(yes(_KIND, Reason.PROVIDED, message))
    return _find_inspection(cache, observation, where, namespace)


def _find_inspection(cache: CachePlan, observation: Observation, where: str, namespace: str) -> Judged:
    job = observation.inspection
    if job is not None and job.state is not JobState.ACTIVE and job.result is None:
        return _judge_ended(job, where, namespace)
    wait = find_wait(cache.claim_name, observation.inspection_pods, observation, namespace)
    if wait is not None:
        return wait
    retry = describe_retry(job.failed_pods, job.failure) if job is not None else ""
    reads = " and reads every byte for the manifest" if cache.inspection and cache.inspection.writes_manifest else ""
    message = f"A Job looks whether {where} holds a model that can be loaded{reads}.{retry}"
    return Judged(no(_KIND, Reason.INSPECTING, message))


def _judge_ended(job: ObservedInspection, where: str, namespace: str) -> Judged:
    """Tell of a Job that found no model, or that ended well and left no report."""
    failure = job.failure if job.state is JobState.FAILED else None
    reason = failure.reason if failure and is_reason(failure.reason) else Reason.INSPECTION_FAILED
    words = failure.message if failure else f"{job.failed_pods} pods failed without a word."
    if job.state is JobState.COMPLETE:
        words = (
            "the Job ended without a report. If the operator's downloaderImage is not one that holds "
            "`nemotron-volume`, correct it."
        )
    message = (
        f"The weights in {where} cannot be served: {words} Correct spec.model.source.persistentVolumeClaim.path, or "
        f"complete the files and delete the Job to look again: `kubectl -n {namespace} delete job {job.name}`."
    )
    return Judged(no(_KIND, reason, message), needs_human=True)
