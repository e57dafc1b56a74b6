"""What is told of a check of the volume: beside what is cached, and of pods that read it before they start."""

from dataclasses import replace

import pytest

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.facts import ClaimFact, Damage, Facts
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.findings import find_available, find_model_cached
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedCheck
from nemotron_operator.status.observed_pods import ContainerTrouble, JobFailure, ObservedPod
from nemotron_operator.status.trouble import explain_pods
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.observations import BOUND_VOLUME, a_job, a_pod, downloading, serving, trouble
from tests.support.fixtures.plans import facts_when_cached, plan, refuse

DUE = "2026-11-24T07:00:00Z"
DAMAGE = Damage("2026-11-24T07:30:00Z", "1 of 26 files is damaged: a.safetensors.")


def a_due_plan(mode: str = "ReadWriteMany") -> ServingPlan:
    deployment = a_deployment()
    facts = facts_when_cached(deployment)
    claims = {name: ClaimFact(82 * 1024**3, None, (mode,)) for name in facts.claims}
    return plan(deployment, replace(facts, claims=claims, check_due=DUE))


def told(
    decision: ServingPlan,
    state: JobState = JobState.ACTIVE,
    failure: JobFailure | None = None,
    pods: tuple[ObservedPod, ...] = (),
) -> str:
    """Tell what ModelCached says while this check Job is there."""
    assert decision.cache.check is not None
    check = ObservedCheck(decision.cache.check.job_name, state, failure, pods)
    finding = find_model_cached(decision, Observation(checks=(check,), claim=BOUND_VOLUME)).finding
    assert (Reason.CACHED, "True") == (finding.reason, finding.status)
    return finding.message


def test_a_check_that_runs_is_told_beside_what_is_cached() -> None:
    assert told(a_due_plan()).endswith("each checked against the hub's hash. Every byte is being read again.")


def test_a_check_that_is_tried_again_says_why() -> None:
    message = told(a_due_plan(), failure=JobFailure("NotReadable", "The volume does not answer."))
    assert message.endswith("The last attempt ended with NotReadable: The volume does not answer.")


def test_a_check_without_a_node_says_what_it_waits_for() -> None:
    message = told(a_due_plan(), pods=(a_pod(unschedulable="0/4 nodes are available."),))
    assert "A check of every byte waits. No node takes pod" in message


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (JobFailure("NotReadable", "The volume does not answer."), "could not be made: The volume does not answer."),
        (None, "could not be made: Its pods failed without a word."),
    ],
)
def test_a_check_that_failed_names_its_job(failure: JobFailure | None, words: str) -> None:
    decision = a_due_plan()
    message = told(decision, JobState.FAILED, failure)
    assert decision.cache.check is not None
    assert words in message
    assert f"kubectl -n team delete job {decision.cache.check.job_name}" in message


def test_a_check_that_is_just_due_is_announced() -> None:
    message = find_model_cached(a_due_plan(), Observation()).finding.message
    assert message.endswith("Every byte is about to be read again.")


def test_a_check_that_is_not_possible_says_why_and_what_to_do() -> None:
    message = find_model_cached(a_due_plan("ReadWriteOncePod"), Observation()).finding.message
    assert "due since 2026-11-24T07:00:00Z" in message
    assert "ReadWriteOncePod" in message
    assert "spec.suspend" in message


def a_damaged_plan() -> ServingPlan:
    return plan(a_deployment(), Facts(damage=DAMAGE))


def test_damage_is_the_reason_for_as_long_as_it_is_fetched_again() -> None:
    judged = find_model_cached(a_damaged_plan(), downloading())
    assert (Reason.DAMAGED, "False", False) == (judged.finding.reason, judged.finding.status, judged.needs_human)
    assert judged.finding.message.startswith("1 of 26 files is damaged: a.safetensors. Fetching ")


def test_a_repair_that_failed_needs_a_human_and_names_both() -> None:
    failed = a_job(JobState.FAILED, failed_pods=1, failure=JobFailure("GatedRepository", "Accept the licence."))
    judged = find_model_cached(a_damaged_plan(), downloading(failed))
    assert ("GatedRepository", True) == (judged.finding.reason, judged.needs_human)
    assert "a.safetensors" in judged.finding.message
    assert "Accept the licence." in judged.finding.message


def checking(reason: str, restarts: int = 1) -> ContainerTrouble:
    """Report that the weights were not verified before the start."""
    found = trouble("CrashLoopBackOff", ended="Error", exit_code=3, last_words="{}", restarts=restarts)
    return replace(found, is_start_check=True, check_failure=JobFailure(reason, "a.safetensors differs."))


@pytest.mark.parametrize("reason", ["Damaged", "Absent"])
def test_a_pod_that_found_damage_is_explained_at_once_and_needs_nobody(reason: str) -> None:
    found = explain_pods([a_pod(in_trouble=checking(reason, restarts=0))], "team")
    assert found is not None
    assert (Reason.DAMAGED, False) == (found.reason, found.needs_human)
    assert "starts no engine: a.safetensors differs." in found.message


def test_a_late_repair_is_no_failed_rollout() -> None:
    seen = serving(a_pod(in_trouble=checking("Damaged")), deadline="exceeded its progress deadline")
    judged = find_available(a_damaged_plan(), seen)
    assert (Reason.DAMAGED, False) == (judged.finding.reason, judged.needs_human)


def test_damage_that_nobody_fetches_again_needs_somebody() -> None:
    """A spec that is refused is not acted upon: what was found waits for the one that is right."""
    refused = refuse(a_deployment().with_tensor(3))
    judged = find_available(refused, serving(a_pod(in_trouble=checking("Damaged"))))
    assert (Reason.DAMAGED, True) == (judged.finding.reason, judged.needs_human)


def test_a_check_that_fails_again_and_again_is_told_in_its_own_words() -> None:
    assert explain_pods([a_pod(in_trouble=checking("NotReadable", restarts=0))], "team") is None
    found = explain_pods([a_pod(in_trouble=checking("NotReadable", restarts=2))], "team")
    assert found is not None
    assert (Reason.CRASH_LOOP, True) == (found.reason, found.needs_human)
    assert "cannot verify the weights before it starts: a.safetensors differs." in found.message


def test_a_check_without_a_word_is_told_with_the_log_of_its_container() -> None:
    silent = replace(checking("Damaged", restarts=2), check_failure=None)
    found = explain_pods([a_pod(in_trouble=silent)], "team")
    assert found is not None
    assert "--container=verify-weights --previous" in found.message


def test_a_pod_that_finds_nothing_while_it_is_fetched_again_needs_nobody() -> None:
    """A volume is shared, and not everybody verifies before a start: its engine ends, and is started again."""
    ended = trouble("CrashLoopBackOff", ended="Error", exit_code=1, last_words="No such directory.", restarts=5)
    judged = find_available(a_damaged_plan(), serving(a_pod(in_trouble=ended)))
    assert (Reason.CRASH_LOOP, False) == (judged.finding.reason, judged.needs_human)
