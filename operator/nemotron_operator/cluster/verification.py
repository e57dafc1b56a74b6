"""Live objects to what the verification is about: what serves as a whole, and what the model answered. Pure."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from nemotron_operator.api.status import CONCURRENCY_PATTERN
from nemotron_operator.api.verification import MAX_ANSWER_LENGTH, RATE_PATTERN
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.observation import (
    JobReport,
    count_failed_pods,
    find_failure,
    list_pods_of,
    observe_server,
    read_end,
    read_reports,
    read_told_state,
)
from nemotron_operator.cluster.pods import observe_pods
from nemotron_operator.plan.facts import ServingFact
from nemotron_operator.render.metadata import read_revision
from nemotron_operator.status.observed_jobs import EngineReport, JobState, ModelAnswer, ObservedVerification

MAX_TOKENS = 2**63 - 1
"""The largest integer that a field of the API holds."""


class VerificationReport(JobReport):
    """What the verifier leaves."""

    answer: str = ""
    time_to_first_token_milliseconds: Annotated[int, Field(ge=0)] = 0
    tokens_per_second: Annotated[str | None, Field(max_length=16, pattern=RATE_PATTERN)] = None
    kv_cache_tokens: Annotated[int | None, Field(ge=0, le=MAX_TOKENS)] = None
    """None where the engine does not say, and in what an older verifier left."""
    max_concurrency: Annotated[str | None, Field(max_length=16, pattern=CONCURRENCY_PATTERN)] = None


def read_serving_fact(server: KubernetesObject | None, pods: Sequence[KubernetesObject]) -> ServingFact | None:
    """Tell what serves, if every pod that is there is of the newest template, and at least one is ready."""
    if server is None:
        return None
    revision, wanted, seen = read_revision(server), server["spec"].get("replicas") or 0, observe_pods(pods)
    ready = sum(pod.ready for pod in seen)
    if ready == 0 or any(pod.revision != revision for pod in seen):
        return None
    return ServingFact(revision, ready, is_whole=ready == len(seen) == wanted and observe_server(server).is_observed)


def observe_verification(job: KubernetesObject, pods: Iterable[KubernetesObject]) -> ObservedVerification:
    """Read how far a verification Job is, with what its pods said at their end."""
    own_pods = list_pods_of(job, pods)
    reports = read_reports(job, own_pods, VerificationReport)
    state = read_told_state(job, own_pods)
    answers = [_to_answer(report, job) for report in reports if report.outcome == "Complete"]
    return ObservedVerification(
        name=job["metadata"]["name"],
        state=state,
        failed_pods=count_failed_pods(job),
        answer=answers[-1] if answers and state is JobState.COMPLETE else None,
        failure=find_failure(job, reports),
        engine=_to_engine_report(reports[-1], job) if reports and state is not JobState.ACTIVE else None,
    )


def _to_answer(report: VerificationReport, job: KubernetesObject) -> ModelAnswer:
    return ModelAnswer(
        text=report.answer[:MAX_ANSWER_LENGTH],
        time_to_first_token_milliseconds=report.time_to_first_token_milliseconds,
        tokens_per_second=report.tokens_per_second,
        answered_at=(job.get("status") or {}).get("completionTime", ""),
    )


def _to_engine_report(report: VerificationReport, job: KubernetesObject) -> EngineReport | None:
    if report.kv_cache_tokens is None:
        return None
    return EngineReport(report.kv_cache_tokens, report.max_concurrency, read_at=read_end(job))
