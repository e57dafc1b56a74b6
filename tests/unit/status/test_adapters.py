from dataclasses import replace
from datetime import UTC, datetime

import pytest

from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.plan.facts import CachedModel
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.adapters import find_adapted
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.judgement import Judged
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedJob
from nemotron_operator.status.observed_pods import JobFailure
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.observations import NEW, OLD, a_pod, serving, trouble
from tests.support.fixtures.plans import plan, plan_cached
from tests.unit.plan.test_adapters import BESIDE, CHAT, SQL, adapted, facts_with_adapters, live

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def a_job(planned: ServingPlan, state: JobState = JobState.ACTIVE, failure: JobFailure | None = None) -> ObservedJob:
    """Report the Job that fetches the first adapter, or that tells the pods."""
    first = planned.adapters[0].download
    name = planned.adapter_list.job_name if planned.adapter_list and not first else first.job_name if first else ""
    return ObservedJob(name, state, failed_pods=1 if failure else 0, result=None, failure=failure)


def find(planned: ServingPlan, observation: Observation) -> Judged:
    (judged,) = find_adapted(planned, observation, NEW)
    return judged


def test_nothing_is_told_where_there_are_none() -> None:
    assert () == find_adapted(plan_cached(a_deployment()), serving(a_pod(ready=True)), NEW)


@pytest.mark.parametrize(
    ("state", "failure", "expected", "words"),
    [
        (JobState.ACTIVE, None, ("Downloading", False), "Fetching adapter 'sql' (my-org/sql-lora at main)."),
        (
            JobState.ACTIVE,
            JobFailure("HubUnavailable", "The hub is away."),
            ("Downloading", False),
            "Attempt 2; the last one ended with HubUnavailable: The hub is away.",
        ),
        (
            JobState.FAILED,
            JobFailure("NoAdapter", "It is no LoRA adapter."),
            ("AdapterFailed", True),
            "It is no LoRA adapter. Then delete the Job to try again: `kubectl -n team delete job nemotron-lora-",
        ),
        (JobState.COMPLETE, None, ("AdapterFailed", True), "its Job ended without a report"),
    ],
)
def test_how_far_a_download_is(
    state: JobState, failure: JobFailure | None, expected: tuple[str, bool], words: str
) -> None:
    planned = plan_cached(adapted(SQL))
    found = find(planned, Observation(adapter_jobs=(a_job(planned, state, failure),)))
    assert expected == (found.finding.reason, found.needs_human)
    assert words in found.finding.message


def test_the_fields_to_correct_are_the_adapters_own() -> None:
    planned = plan_cached(adapted(SQL))
    failure = JobFailure("Unauthorized", "Set model.source.huggingFace.tokenSecretRef.")
    for state in (JobState.ACTIVE, JobState.FAILED):
        found = find(planned, Observation(adapter_jobs=(a_job(planned, state, failure),)))
        assert "Set model.adapters[sql].huggingFace.tokenSecretRef." in found.finding.message


def test_a_job_whose_pod_cannot_start_is_told_with_its_cause() -> None:
    planned = plan_cached(adapted(SQL))
    pod = a_pod(in_trouble=trouble("ImagePullBackOff", "no such image"))
    found = find(planned, Observation(adapter_jobs=(a_job(planned),), adapter_pods=(pod,)))
    assert found.finding.message.startswith("The Job that fetches adapter 'sql' (my-org/sql-lora at main) does not run")
    assert "no such image" in found.finding.message


def test_what_needs_a_human_is_told_first() -> None:
    planned = plan_cached(adapted(CHAT, SQL))
    download = planned.adapters[1].download
    assert download is not None
    failed = ObservedJob(download.job_name, JobState.FAILED, 1, None, JobFailure("NoAdapter", "It is none."))
    assert "'sql'" in find(planned, Observation(adapter_jobs=(a_job(planned), failed))).finding.message


def test_ready_waits_for_an_adapter_of_the_start_and_says_who_serves_meanwhile() -> None:
    planned = plan_cached(adapted(SQL))
    observation = replace(serving(a_pod(OLD, ready=True)), adapter_jobs=(a_job(planned),))
    status = compute_status(planned, observation, None, NemotronDeploymentStatus(), NOW)
    ready = next(condition for condition in status.conditions if condition.type == "Ready")
    assert ("False", "Downloading") == (ready.status, ready.reason)
    assert "Meanwhile 1 pod of the revision before keeps serving." in ready.message


def test_adapters_of_the_start_are_served_with_the_first_pod_that_has_them() -> None:
    deployment = adapted(SQL, CHAT)
    planned = plan(deployment, facts_with_adapters(deployment))
    assert "RollingOut" == find(planned, serving(a_pod(OLD, ready=True), a_pod())).finding.reason
    served = find(planned, serving(a_pod(OLD, ready=True), a_pod(ready=True))).finding
    assert ("True", "Loaded") == (served.status, served.reason)
    assert "Adapters sql, chat are served beside the model." == served.message
    suspended = deployment.suspended()
    planned = plan(suspended, facts_with_adapters(suspended))
    assert "Suspended" == find(planned, serving()).finding.reason


@pytest.mark.parametrize(
    ("state", "failure", "expected", "words"),
    [
        (JobState.ACTIVE, None, ("Loading", False), "the replicas load them"),
        (JobState.COMPLETE, None, ("Loaded", False), "Adapter beside is served"),
        (
            JobState.FAILED,
            JobFailure("AdapterRefused", "The engine does not load adapter 'beside': LoRA rank 64."),
            ("AdapterFailed", True),
            "LoRA rank 64. Correct or remove it; or delete the Job to look again: `kubectl -n team delete job nem",
        ),
    ],
)
def test_adapters_that_are_loaded_live_are_served_when_every_replica_says_so(
    state: JobState, failure: JobFailure | None, expected: tuple[str, bool], words: str
) -> None:
    planned = plan_cached(live(BESIDE))
    observation = replace(serving(a_pod(ready=True)), adapter_jobs=(a_job(planned, state, failure),))
    found = find(planned, observation)
    assert expected == (found.finding.reason, found.needs_human)
    assert words in found.finding.message


def test_adapters_are_loaded_live_once_no_pod_of_another_revision_is_left() -> None:
    planned = plan_cached(live(BESIDE))
    for pods in ([a_pod(OLD, ready=True), a_pod()], [a_pod(OLD, ready=True), a_pod(ready=True)]):
        found = find(planned, serving(*pods))
        assert ("RollingOut", False) == (found.finding.reason, found.needs_human)
    assert "told once no pod of another revision is left" in found.finding.message


def test_the_served_names_are_the_models_and_the_adapters() -> None:
    status = compute_status(plan_cached(adapted(BESIDE)), serving(), NEW, NemotronDeploymentStatus(), NOW)
    assert "beside" == status.served_names[-1]
    assert 2 == len(status.served_names)


def test_the_status_tells_where_each_adapter_is() -> None:
    deployment = adapted(SQL, BESIDE)
    told = compute_status(
        plan(deployment, facts_with_adapters(deployment)), serving(), NEW, NemotronDeploymentStatus(), NOW
    )
    assert told.adapters is not None
    assert [("sql", "0" * 40, 16), ("beside", "loras/beside", None)] == [
        (each.name, each.path, each.rank) for each in told.adapters
    ]
    fetching = compute_status(plan_cached(deployment), serving(), None, NemotronDeploymentStatus(), NOW).adapters
    assert fetching is not None
    assert [None, "loras/beside"] == [each.path for each in fetching]
    none = compute_status(plan_cached(a_deployment()), serving(), NEW, NemotronDeploymentStatus(), NOW)
    assert none.adapters is None


def test_a_report_that_came_after_the_plan_is_no_silence() -> None:
    """The next reconcile takes it up; until then nothing has failed."""
    planned = plan_cached(adapted(SQL))
    result = CachedModel("org/sql", "c0", 1, 1, "5d", "2026-11-24T08:00:00Z")
    job = replace(a_job(planned, JobState.COMPLETE), result=result)
    found = find(planned, Observation(adapter_jobs=(job,)))
    assert ("Downloading", False) == (found.finding.reason, found.needs_human)
