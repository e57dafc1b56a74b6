"""Tell whether the adapters are there and served."""

from collections.abc import Sequence
from dataclasses import replace

from nemotron_operator.api.adapters import AdapterStatus
from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.plan.adapter_plan import AdapterPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.judgement import Decision, Judged, describe_retry, no, yes
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedJob
from nemotron_operator.status.observed_pods import JobFailure
from nemotron_operator.status.trouble import explain_pods
from nemotron_operator.status.verification import count_serving

_KIND = ConditionType.ADAPTED


def find_adapted(decision: Decision, observation: Observation, desired_revision: str | None) -> tuple[Judged, ...]:
    """Find how far the adapters are; nothing where none is asked for."""
    if not isinstance(decision, ServingPlan) or not decision.adapters:
        return ()
    return (_find_fetched(decision, observation) or _find_served(decision, observation, desired_revision),)


def tell_adapters(plan: ServingPlan) -> tuple[AdapterStatus, ...] | None:
    """Tell where each adapter is; nothing where none is asked for."""
    return tuple(_tell_adapter(adapter) for adapter in plan.adapters) or None


def _tell_adapter(adapter: AdapterPlan) -> AdapterStatus:
    rank = adapter.cached.adapter_rank if adapter.cached else None
    return AdapterStatus(name=adapter.name, path=adapter.path, rank=rank or None)


def _find_fetched(plan: ServingPlan, observation: Observation) -> Judged | None:
    """Find what keeps an adapter from the volume; what needs a human comes first. None once all are there."""
    missing = [adapter for adapter in plan.adapters if adapter.path is None]
    if not missing:
        return None
    found = [_judge_fetching(adapter, observation, plan.identity.namespace) for adapter in missing]
    return min(found, key=lambda judged: not judged.needs_human)


def _judge_fetching(adapter: AdapterPlan, observation: Observation, namespace: str) -> Judged:
    job = observation.find_adapter_job(adapter.download.job_name) if adapter.download else None
    what = f"adapter {adapter.name!r} ({adapter.download.origin.label if adapter.download else adapter.path})"
    if job is None:
        return Judged(no(_KIND, Reason.WAITING, f"The {what} is fetched once the model is there."))
    job = replace(job, failure=_name_fields(job.failure, adapter.name))
    if job.state is not JobState.ACTIVE and job.result is None:
        return _judge_ended(job, what, namespace)
    trouble = None if job.is_running else explain_pods(observation.adapter_pods, namespace, observation.claim)
    if trouble is not None:
        message = f"The Job that fetches {what} does not run: {trouble.message}"
        return Judged(no(_KIND, trouble.reason, message), trouble.needs_human)
    retry = describe_retry(job.failed_pods, job.failure)
    return Judged(no(_KIND, Reason.DOWNLOADING, f"Fetching {what}.{retry}"))


def _name_fields(failure: JobFailure | None, name: str) -> JobFailure | None:
    """Name the adapter's own fields: the downloader speaks of those of a model."""
    return failure and replace(failure, message=failure.message.replace("model.source.", f"model.adapters[{name}]."))


def _judge_ended(job: ObservedJob, what: str, namespace: str) -> Judged:
    """Tell why a Job ended without an adapter: it failed, or left no report."""
    words = job.failure.message if job.failure else f"{job.failed_pods} pods failed without a word."
    if job.state is JobState.COMPLETE:
        words = "its Job ended without a report."
    message = (
        f"Fetching {what} failed: {words} Then delete the Job to try again: `kubectl -n {namespace} delete job "
        f"{job.name}`; or remove the adapter."
    )
    return Judged(no(_KIND, Reason.ADAPTER_FAILED, message), needs_human=True)


def _find_served(plan: ServingPlan, observation: Observation, desired_revision: str | None) -> Judged:
    names = _list_names(plan.adapters)
    if plan.replicas == 0:
        return Judged(no(_KIND, Reason.SUSPENDED, f"{names} on the volume, and no replica is desired."))
    if plan.adapter_list is not None:
        job = observation.find_adapter_job(plan.adapter_list.job_name)
        if job is not None:
            return _judge_list(job, names, plan.identity.namespace)
    if count_serving(observation, desired_revision) == 0:
        return Judged(no(_KIND, Reason.ROLLING_OUT, f"{names} there, and no pod that has them serves yet."))
    if plan.adapter_list is not None:
        message = f"{names} on the volume, and the replicas are told once no pod of another revision is left."
        return Judged(no(_KIND, Reason.ROLLING_OUT, message))
    return Judged(yes(_KIND, Reason.LOADED, f"{names} served beside the model."))


def _judge_list(job: ObservedJob, names: str, namespace: str) -> Judged:
    """Tell whether the replicas have loaded what they were told to."""
    if job.state is JobState.COMPLETE:
        return Judged(yes(_KIND, Reason.LOADED, f"{names} served beside the model."))
    if job.state is JobState.FAILED:
        words = job.failure.message if job.failure else f"{job.failed_pods} pods failed without a word."
        message = (
            f"Not every adapter is loaded: {words} Correct or remove it; or delete the Job to look again: "
            f"`kubectl -n {namespace} delete job {job.name}`."
        )
        return Judged(no(_KIND, Reason.ADAPTER_FAILED, message), needs_human=True)
    retry = describe_retry(job.failed_pods, job.failure)
    return Judged(no(_KIND, Reason.LOADING, f"{names} on the volume, and the replicas load them.{retry}"))


def _list_names(adapters: Sequence[AdapterPlan]) -> str:
    names = ", ".join(adapter.name for adapter in adapters)
    return f"Adapter {names} is" if len(adapters) == 1 else f"Adapters {names} are"
