import json
from dataclasses import replace
from typing import Any

import pytest

from nemotron_operator.api.status import EngineStatus
from nemotron_operator.api.verification import MAX_ANSWER_LENGTH, VerificationStatus
from nemotron_operator.cluster.verification import MAX_TOKENS, observe_verification, read_serving_fact
from nemotron_operator.plan.facts import ServingFact
from nemotron_operator.render.metadata import REVISION_LABEL
from nemotron_operator.status.observed_jobs import EngineReport, JobState, ModelAnswer
from nemotron_operator.status.observed_pods import JobFailure
from nemotron_operator.termination.outcome import render_line
from nemotron_operator.verifier import engine_report
from nemotron_operator.verifier.engine_report import EngineReport as Reported
from nemotron_operator.verifier.errors import Reason
from nemotron_operator.verifier.outcome import ANSWER_LENGTH, Complete, Failed
from tests.support.fixtures.live_objects import (
    a_finished_verify_pod,
    a_live_job,
    a_live_object,
    a_live_pod,
    condition,
)

JSON = dict[str, Any]

COMPLETE = Complete("There are 3 r in strawberry.", 9, 182, "41.7")
IS_COMPLETE: JSON = {"conditions": [condition("Complete")], "completionTime": "2026-11-24T08:00:00Z"}
IS_FAILED: JSON = {"conditions": [condition("Failed", reason="PodFailurePolicy")], "failed": 1}


def a_live_server(replicas: int = 1, *, generation: int = 2, observed: int = 2, revision: str = "abc") -> JSON:
    server = a_live_object("Deployment", "nemotron")
    server["metadata"]["generation"] = generation
    template = {"metadata": {"labels": {REVISION_LABEL: revision}}}
    return {**server, "spec": {"replicas": replicas, "template": template}, "status": {"observedGeneration": observed}}


def a_serving_pod(name: str = "a", revision: str = "abc", *, ready: bool = True) -> JSON:
    return a_live_pod(name, revision=revision, ready=ready)


def test_a_deployment_serves_as_a_whole_when_every_pod_that_it_wants_is_ready() -> None:
    fact = read_serving_fact(a_live_server(2), [a_serving_pod("a"), a_serving_pod("b")])
    assert ServingFact("abc", 2) == fact


@pytest.mark.parametrize(
    ("server", "pods"),
    [
        (None, [a_serving_pod()]),
        (a_live_server(), []),
        (a_live_server(0), []),
        (a_live_server(), [a_serving_pod(ready=False)]),
        (a_live_server(2), [a_serving_pod("a"), a_serving_pod("b", "old")]),
        (a_live_server(1, revision="new"), [a_serving_pod()]),
    ],
    ids=[
        "no Deployment",
        "no pod",
        "none wanted",
        "none ready",
        "one of the revision before",
        "all of the revision before",
    ],
)
def test_no_revision_serves_with(server: JSON | None, pods: list[JSON]) -> None:
    assert read_serving_fact(server, pods) is None


@pytest.mark.parametrize(
    ("server", "pods", "ready"),
    [
        (a_live_server(2), [a_serving_pod()], 1),
        (a_live_server(2), [a_serving_pod("a"), a_serving_pod("b", ready=False)], 1),
        (a_live_server(1), [a_serving_pod("a"), a_serving_pod("b")], 2),
        (a_live_server(1, generation=3), [a_serving_pod()], 1),
    ],
    ids=["one is missing", "one still loads", "one too many", "a controller that lags"],
)
def test_a_deployment_does_not_serve_as_a_whole_with(server: JSON, pods: list[JSON], ready: int) -> None:
    assert ServingFact("abc", ready, is_whole=False) == read_serving_fact(server, pods)


def test_a_pod_that_is_over_does_not_count() -> None:
    over = a_live_pod("evicted", revision="abc", phase="Failed")
    assert read_serving_fact(a_live_server(), [a_serving_pod(), over]) is not None


def test_the_verifiers_own_words_become_the_answer() -> None:
    job = a_live_job("nemotron-verify-1", **IS_COMPLETE)
    seen = observe_verification(job, [a_finished_verify_pod(render_line(COMPLETE) + "\n", job)])
    expected = ModelAnswer("There are 3 r in strawberry.", 182, "41.7", "2026-11-24T08:00:00Z")
    assert ("nemotron-verify-1", JobState.COMPLETE, expected) == (seen.name, seen.state, seen.answer)


def test_an_answer_counts_only_once_the_job_is_complete() -> None:
    job = a_live_job("nemotron-verify-1")
    assert observe_verification(job, [a_finished_verify_pod(render_line(COMPLETE), job)]).answer is None


def test_the_verifiers_own_words_become_the_failure() -> None:
    job = a_live_job("nemotron-verify-1", **IS_FAILED)
    line = render_line(Failed(Reason.UNEXPECTED_ANSWER, "It lacks '3'.", retryable=False))
    seen = observe_verification(job, [a_finished_verify_pod(line, job)])
    assert (JobState.FAILED, JobFailure("UnexpectedAnswer", "It lacks '3'."), 1) == (
        seen.state,
        seen.failure,
        seen.failed_pods,
    )


def test_a_pod_of_another_job_says_nothing() -> None:
    job = a_live_job("nemotron-verify-1", **IS_COMPLETE)
    other = {"metadata": {"name": "other", "uid": "other"}}
    assert observe_verification(job, [a_finished_verify_pod(render_line(COMPLETE), other)]).answer is None


@pytest.mark.parametrize(
    "changes",
    [
        {"tokensPerSecond": "fast"},
        {"tokensPerSecond": 41.7},
        {"timeToFirstTokenMilliseconds": -1},
        {"timeToFirstTokenMilliseconds": "soon"},
        {"outcome": "Great"},
        {"answer": None},
    ],
)
def test_a_report_that_no_status_could_hold_is_none(changes: JSON) -> None:
    job = a_live_job("nemotron-verify-1", **IS_COMPLETE)
    line = json.dumps({**json.loads(render_line(COMPLETE)), **changes})
    assert observe_verification(job, [a_finished_verify_pod(line, job)]).answer is None


def test_an_answer_of_one_token_has_no_rate() -> None:
    job = a_live_job("nemotron-verify-1", **IS_COMPLETE)
    seen = observe_verification(job, [a_finished_verify_pod(render_line(Complete("3", 1, 90, None)), job)])
    assert seen.answer is not None
    assert seen.answer.tokens_per_second is None


def test_the_longest_answer_of_the_verifier_fits_into_the_status() -> None:
    assert MAX_ANSWER_LENGTH == ANSWER_LENGTH
    job = a_live_job("nemotron-verify-1", **IS_COMPLETE)
    line = json.dumps({**json.loads(render_line(COMPLETE)), "answer": "x" * 5000})
    seen = observe_verification(job, [a_finished_verify_pod(line, job)])
    assert seen.answer is not None
    told = VerificationStatus(
        revision="abc",
        job=seen.name,
        time_to_first_token_milliseconds=seen.answer.time_to_first_token_milliseconds,
        tokens_per_second=seen.answer.tokens_per_second,
        answer=seen.answer.text,
        expected="",
        verified_at=seen.answer.answered_at,
    )
    assert MAX_ANSWER_LENGTH == len(told.answer)


SEEN_BY_THE_ENGINE = Reported(227_696, "1.74")
FAILED_AT = "2026-11-24T08:05:00Z"


def test_what_the_engine_said_is_read_beside_the_answer() -> None:
    job = a_live_job("nemotron-verify-1", **IS_COMPLETE)
    line = render_line(replace(COMPLETE, engine=SEEN_BY_THE_ENGINE))
    seen = observe_verification(job, [a_finished_verify_pod(line, job)])
    assert EngineReport(227_696, "1.74", "2026-11-24T08:00:00Z") == seen.engine


def test_what_the_engine_said_is_read_beside_a_failure_too() -> None:
    failed = {**condition("Failed", reason="PodFailurePolicy"), "lastTransitionTime": FAILED_AT}
    job = a_live_job("nemotron-verify-1", conditions=[failed], failed=1)
    line = render_line(Failed(Reason.UNEXPECTED_ANSWER, "Two.", retryable=False, engine=SEEN_BY_THE_ENGINE))
    assert (
        EngineReport(227_696, "1.74", FAILED_AT) == observe_verification(job, [a_finished_verify_pod(line, job)]).engine
    )


def test_what_the_engine_said_counts_only_once_the_job_has_ended() -> None:
    job = a_live_job("nemotron-verify-1")
    line = render_line(replace(COMPLETE, engine=SEEN_BY_THE_ENGINE))
    assert observe_verification(job, [a_finished_verify_pod(line, job)]).engine is None


def test_the_report_of_an_older_verifier_has_an_answer_and_says_nothing_of_the_engine() -> None:
    job = a_live_job("nemotron-verify-1", **IS_COMPLETE)
    line = (
        '{"outcome": "Complete", "answer": "3", "tokens": 1, "timeToFirstTokenMilliseconds": 90, '
        '"tokensPerSecond": null}'
    )
    seen = observe_verification(job, [a_finished_verify_pod(line, job)])
    assert seen.answer is not None
    assert ("3", None) == (seen.answer.text, seen.engine)


@pytest.mark.parametrize("report", [Reported(MAX_TOKENS, "999999999999.99"), Reported(0, None), Reported(5, "0.00")])
def test_every_report_of_the_verifier_fits_into_the_status(report: Reported) -> None:
    assert engine_report.MAX_TOKENS == MAX_TOKENS
    job = a_live_job("nemotron-verify-1", **IS_COMPLETE)
    seen = observe_verification(job, [a_finished_verify_pod(render_line(replace(COMPLETE, engine=report)), job)])
    assert seen.engine is not None
    told = EngineStatus(
        revision="abc",
        kv_cache_tokens=seen.engine.kv_cache_tokens,
        max_concurrency=seen.engine.max_concurrency,
        read_at=seen.engine.read_at,
    )
    assert (report.kv_cache_tokens, report.max_concurrency) == (told.kv_cache_tokens, told.max_concurrency)
