"""Live objects to facts and observations. Pure: what it reads was fetched before."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from nemotron_operator.api.cache import CacheStatus
from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import ENDED_PHASES
from nemotron_operator.plan.facts import CachedModel, ClaimFact
from nemotron_operator.render.metadata import (
    ADAPTER_LIST_ANNOTATION,
    CACHED_MODEL_ANNOTATION,
)
from nemotron_operator.status.observation import ObservedClaim
from nemotron_operator.status.observed_jobs import JobState, ObservedJob
from nemotron_operator.status.observed_pods import JobFailure
from nemotron_operator.status.observed_servers import ObservedServer


class JobReport(BaseModel):
    """What the program of a Job leaves as its termination message: how it ended, and why if not well."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    outcome: Literal["Complete", "Failed"]
    reason: str = ""
    message: str = ""


class DownloadReport(JobReport):
    """What the downloader leaves."""

    repository: str = ""
    commit: str = ""
    bytes: int = 0
    files: int = 0
    manifest_sha256: str = ""
    read_bytes_per_second: int | None = None
    """None where the volume was not read, and in what an older downloader left."""
    adapter_rank: int | None = None
    """None for a model."""


_RECORD = TypeAdapter(CachedModel)

Report = TypeVar("Report", bound=JobReport)
"""The report of one of the programs."""


def read_claim_fact(claim: KubernetesObject) -> ClaimFact:
    """Read what a volume claim asks for."""
    spec = claim["spec"]
    return ClaimFact(
        size_bytes=int(parse_quantity(spec["resources"]["requests"]["storage"])),
        storage_class_name=spec.get("storageClassName"),
        access_modes=tuple(spec.get("accessModes") or ()),
    )


def read_recorded_model(live: KubernetesObject) -> CachedModel | None:
    """Read what a download recorded on its claim or its Job; None when nothing sound stands there.

    Whoever may write to the claim may break it: what no status could tell is no record, and is made anew.
    """
    recorded = (live["metadata"].get("annotations") or {}).get(CACHED_MODEL_ANNOTATION)
    try:
        model = _RECORD.validate_json(recorded, strict=True) if recorded else None
    except ValidationError:
        return None
    return model if model is not None and _can_be_told(model) else None


def observe_claim(claim: KubernetesObject) -> ObservedClaim:
    """Read whether a volume is bound."""
    return ObservedClaim(claim["metadata"]["name"], bound=(claim.get("status") or {}).get("phase") == "Bound")


def observe_server(server: KubernetesObject) -> ObservedServer:
    """Read how far a Deployment or a LeaderWorkerSet is, as far as its controller tells."""
    status, spec = server.get("status") or {}, server.get("spec") or {}
    is_group = "leaderWorkerTemplate" in spec
    return ObservedServer(
        replicas=status.get("replicas") or 0,
        is_observed=status.get("observedGeneration") == server["metadata"].get("generation"),
        deadline_message=_read_progress_deadline(status),
        is_scaled_to_zero=spec.get("replicas") == 0,
        is_paused=bool(spec.get("paused")),
        kind="LeaderWorkerSet" if is_group else "Deployment",
        refusal=_read_refusal(status, spec),
    )


def _read_refusal(status: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Read why pods may not be made, while some of the newest revision are missing; empty where all are there."""
    failure = find_condition(status, "ReplicaFailure")
    is_refused = failure.get("status") == "True" and failure.get("reason") == "FailedCreate"
    if not is_refused or (status.get("updatedReplicas") or 0) >= spec.get("replicas", 1):
        return ""
    return str(failure.get("message") or "it does not say why")


def _read_progress_deadline(status: Mapping[str, Any]) -> str:
    progressing = find_condition(status, "Progressing")
    is_late = progressing.get("reason") == "ProgressDeadlineExceeded"
    return str(progressing.get("message", "exceeded")) if is_late else ""


def observe_job(job: KubernetesObject, pods: Iterable[KubernetesObject]) -> ObservedJob:
    """Read how far a cache Job is, with what its pods said at their end."""
    own_pods = list_pods_of(job, pods)
    reports = read_reports(job, own_pods, DownloadReport)
    reported = next((_to_cached_model(report, job) for report in reports if report.outcome == "Complete"), None)
    state = read_told_state(job, own_pods)
    return ObservedJob(
        name=job["metadata"]["name"],
        state=state,
        failed_pods=count_failed_pods(job),
        result=(read_recorded_model(job) or reported) if state is JobState.COMPLETE else None,
        failure=find_failure(job, reports),
        created_at=job["metadata"].get("creationTimestamp", ""),
        is_running=any(is_running(pod) for pod in own_pods),
    )


def read_job_state(job: KubernetesObject) -> JobState:
    """Read how far a Job is."""
    status = job.get("status") or {}
    if find_condition(status, "Failed").get("status") == "True":
        return JobState.FAILED
    is_complete = find_condition(status, "Complete").get("status") == "True"
    return JobState.COMPLETE if is_complete else JobState.ACTIVE


def read_told_state(job: KubernetesObject, own_pods: Iterable[KubernetesObject]) -> JobState:
    """Read how far a Job is by what was seen of its pods too: what a pod says at its end may come after the Job's.

    Jobs and pods are watched apart. A Job that ended and whose pod still seems to run has not been heard out.
    """
    return JobState.ACTIVE if any(map(_is_on_its_way, own_pods)) else read_job_state(job)


def _is_on_its_way(pod: KubernetesObject) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return "deletionTimestamp" not in pod["metadata"] and phase not in ENDED_PHASES


def read_end(job: KubernetesObject) -> str:
    """Read when a Job ended, RFC 3339: a Job that failed has no completion time, but a condition."""
    status = job.get("status") or {}
    ended: str = status.get("completionTime") or find_condition(status, "Failed").get("lastTransitionTime", "")
    return ended


def count_failed_pods(job: KubernetesObject) -> int:
    """Count the attempts that failed."""
    return (job.get("status") or {}).get("failed") or 0


def find_failure(job: KubernetesObject, reports: Iterable[JobReport]) -> JobFailure | None:
    """Find the last failure that a pod told of, else that the Job ran out of time."""
    failures = [JobFailure(report.reason, report.message) for report in reports if report.outcome == "Failed"]
    return failures[-1] if failures else _read_deadline(job.get("status") or {})


def read_reports(job: KubernetesObject, pods: Iterable[KubernetesObject], kind: type[Report]) -> list[Report]:
    """Read the termination messages of a Job's pods, the oldest first."""
    own = list_pods_of(job, pods)
    own.sort(key=lambda pod: pod["metadata"].get("creationTimestamp", ""))
    return [report for pod in own if (report := _read_report(pod, kind)) is not None]


def parse_report(message: str, kind: type[Report]) -> Report | None:
    """Read a termination message; None when it is none of our programs'."""
    try:
        return kind.model_validate_json(message)
    except ValidationError:
        return None


def claim_of(job: KubernetesObject) -> str:
    """Name the volume claim that a cache Job fills."""
    volumes = job["spec"]["template"]["spec"]["volumes"]
    name: str = next(v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v)
    return name


def list_mounted_claims(pod: KubernetesObject) -> set[str]:
    """List the volume claims that a pod mounts, or that those of a template do."""
    volumes = (pod.get("spec") or {}).get("volumes") or []
    return {volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume}


def is_adapter_list(job: KubernetesObject) -> bool:
    """Tell the Job that tells the pods of adapters from those that fetch."""
    return ADAPTER_LIST_ANNOTATION in (job["metadata"].get("annotations") or {})


def is_older(job: KubernetesObject, claim: KubernetesObject | None) -> bool:
    """Tell whether a Job, or a Deployment, was for a volume that is gone: there is none, or it was made after it."""
    if claim is None:
        return True
    return str(claim["metadata"].get("creationTimestamp", "")) > str(job["metadata"].get("creationTimestamp", ""))


def list_pods_of(job: KubernetesObject, pods: Iterable[KubernetesObject]) -> list[KubernetesObject]:
    """List the pods that a Job made."""
    uid = job["metadata"]["uid"]
    return [pod for pod in pods if any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences") or [])]


def is_running(pod: KubernetesObject) -> bool:
    """Tell whether a pod runs and is meant to stay."""
    return "deletionTimestamp" not in pod["metadata"] and (pod.get("status") or {}).get("phase") == "Running"


def _read_deadline(status: Mapping[str, Any]) -> JobFailure | None:
    """Read that a Job ran out of time: its pods are deleted then, and with them what they said."""
    failed = find_condition(status, "Failed")
    if failed.get("reason") != "DeadlineExceeded":
        return None
    return JobFailure("DeadlineExceeded", f"{failed.get('message', 'It ran out of time')}.")


def _read_report(pod: KubernetesObject, kind: type[Report]) -> Report | None:
    status = pod.get("status") or {}
    for container in (*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])):
        ended = (container.get("state") or {}).get("terminated") or {}
        if (report := parse_report(ended.get("message") or "", kind)) is not None:
            return report
    return None


def _to_cached_model(report: DownloadReport, job: KubernetesObject) -> CachedModel:
    return CachedModel(
        repository=report.repository,
        commit=report.commit,
        size_bytes=report.bytes,
        files=report.files,
        manifest_sha256=report.manifest_sha256,
        verified_at=(job.get("status") or {}).get("completionTime", ""),
        read_bytes_per_second=report.read_bytes_per_second or None,
        adapter_rank=report.adapter_rank,
    )


def _can_be_told(model: CachedModel) -> bool:
    try:
        CacheStatus(
            repository=model.repository,
            commit=model.commit,
            path=model.commit,
            bytes=model.size_bytes,
            files=model.files,
            manifest_sha256=model.manifest_sha256,
            verified_at=model.verified_at,
            read_bytes_per_second=model.read_bytes_per_second,
        )
    except ValidationError:
        return False
    return True


def find_condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Find a condition by its type; empty where there is none."""
    return next((condition for condition in status.get("conditions") or [] if condition["type"] == kind), {})
