"""Live objects to what a Job found in the user's directory. Pure."""

from collections.abc import Iterable

from pydantic import TypeAdapter, ValidationError

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.observation import (
    JobReport,
    count_failed_pods,
    find_failure,
    list_pods_of,
    read_reports,
    read_told_state,
)
from nemotron_operator.plan.facts import InspectedModel
from nemotron_operator.render.metadata import INSPECTED_MODEL_ANNOTATION
from nemotron_operator.status.observed_jobs import JobState, ObservedInspection

_RECORD = TypeAdapter(InspectedModel)


class InspectionReport(JobReport):
    """What `nemotron-volume inspect` leaves."""

    bytes: int = 0
    files: int = 0
    manifest_sha256: str | None = None
    """None where no manifest stands beside the files."""


def observe_inspection(job: KubernetesObject, pods: Iterable[KubernetesObject]) -> ObservedInspection:
    """Read how far an inspection is, with what its pods said at their end."""
    own_pods = list_pods_of(job, pods)
    reports, state = read_reports(job, own_pods, InspectionReport), read_told_state(job, own_pods)
    found = next((_to_model(report) for report in reports if report.outcome == "Complete"), None)
    return ObservedInspection(
        name=job["metadata"]["name"],
        state=state,
        failed_pods=count_failed_pods(job),
        result=(read_recorded_inspection(job) or found) if state is JobState.COMPLETE else None,
        failure=find_failure(job, reports),
    )


def read_recorded_inspection(live: KubernetesObject) -> InspectedModel | None:
    """Read what an inspection recorded on its Job; None when nothing sound stands there."""
    recorded = (live["metadata"].get("annotations") or {}).get(INSPECTED_MODEL_ANNOTATION)
    try:
        return _RECORD.validate_json(recorded, strict=True) if recorded else None
    except ValidationError:
        return None


def _to_model(report: InspectionReport) -> InspectedModel:
    return InspectedModel(report.bytes, report.files, report.manifest_sha256)
