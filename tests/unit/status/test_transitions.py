from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.conditions import Condition
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_pods import ObservedPod
from nemotron_operator.status.transitions import Transition, list_transitions
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.observations import (
    NEW,
    a_pod,
    a_verification,
    answered,
    asking,
    downloading,
    serving,
    trouble,
)
from tests.support.fixtures.plans import plan, plan_cached, refuse
from tests.unit.status.situations import SITUATIONS, Situation

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NOTHING = NemotronDeploymentStatus()


def tell(situation: Situation, previous: NemotronDeploymentStatus = NOTHING) -> NemotronDeploymentStatus:
    return compute_status(situation.decision, situation.observation, situation.desired_revision, previous, NOW)


def reasons(transitions: tuple[Transition, ...]) -> list[str]:
    return [transition.reason for transition in transitions]


def test_the_life_of_a_resource_is_a_story_without_repetition() -> None:
    fetched, cached = plan(a_deployment()), plan_cached(a_deployment())
    crash = a_pod(in_trouble=trouble("CrashLoopBackOff", ended="Error", exit_code=1, last_words="Ouch.", restarts=2))
    status, story = NOTHING, []
    for decision, observation, revision in [
        (fetched, downloading(), None),
        (fetched, downloading(), None),
        (cached, serving(), NEW),
        (cached, serving(a_pod()), NEW),
        (cached, serving(crash), NEW),
        (cached, asking(serving(a_pod(ready=True)), a_verification(cached)), NEW),
        (cached, answered(cached, serving(a_pod(ready=True))), NEW),
        (cached, serving(a_pod(ready=True)), NEW),
    ]:
        after = compute_status(decision, observation, revision, status, NOW)
        story.append(reasons(list_transitions(status, after)))
        status = after
    assert [
        ["Fits", "Downloading"],
        [],
        ["Cached", "RollingOut"],
        ["Loading"],
        ["CrashLoop"],
        ["Verifying"],
        ["Verified", "Serving"],
        [],
    ] == story


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_nothing_is_told_when_nothing_changed(situation: Situation) -> None:
    status = tell(situation)
    assert () == list_transitions(status, tell(situation, status))


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_each_reason_is_told_once(situation: Situation) -> None:
    told = reasons(list_transitions(NOTHING, tell(situation)))
    assert len(set(told)) == len(told)
    assert not {"Waiting", "NotRequested"} & set(told)


@given(st.sampled_from(SITUATIONS), st.sampled_from(SITUATIONS))
def test_only_what_changed_is_told(before: Situation, after: Situation) -> None:
    first = tell(before)
    second = tell(after, first)
    unchanged = {(c.type, c.status, c.reason) for c in first.conditions} & {
        (c.type, c.status, c.reason) for c in second.conditions
    }
    changed = {c.reason for c in second.conditions if (c.type, c.status, c.reason) not in unchanged}
    assert set(reasons(list_transitions(first, second))) <= changed


def test_what_needs_a_human_is_a_warning() -> None:
    status = compute_status(refuse(a_deployment().with_tensor(3)), Observation(), None, NOTHING, NOW)
    (transition,) = list_transitions(NOTHING, status)
    assert ("Warning", "TensorParallelDoesNotDivideHeads") == (transition.type, transition.reason)
    assert "spec.parallelism.tensor: 3" in transition.message


@pytest.mark.parametrize(
    ("pod", "kind", "reason"),
    [
        (a_pod(in_trouble=trouble(ended="OOMKilled", exit_code=137, restarts=1)), "Warning", "OutOfMemory"),
        (a_pod(in_trouble=trouble("ErrImagePull", "toomanyrequests")), "Warning", "ImagePullFailed"),
        (a_pod(unschedulable="0/1 nodes are available: 1 Insufficient nvidia.com/gpu."), "Normal", "WaitingForGPU"),
    ],
)
def test_a_failure_is_a_warning_also_where_it_is_tried_again_and_a_wait_is_none(
    pod: ObservedPod, kind: str, reason: str
) -> None:
    status = compute_status(plan_cached(a_deployment()), serving(pod), NEW, NOTHING, NOW)
    assert not [condition for condition in status.conditions if condition.type == "Stalled"]
    told = {transition.reason: transition.type for transition in list_transitions(NOTHING, status)}
    assert kind == told[reason]


def test_what_only_takes_time_is_normal() -> None:
    status = compute_status(plan(a_deployment()), downloading(), None, NOTHING, NOW)
    assert {"Normal"} == {transition.type for transition in list_transitions(NOTHING, status)}


def test_a_new_message_alone_is_not_told() -> None:
    def status(message: str) -> NemotronDeploymentStatus:
        condition = Condition(
            type="Ready",
            status="False",
            reason="Downloading",
            message=message,
            observed_generation=1,
            last_transition_time="2026-11-24T08:00:00Z",
        )
        return NemotronDeploymentStatus(observed_generation=1, conditions=(condition,))

    assert () == list_transitions(status("At 10 %."), status("At 20 %."))


def test_a_foreign_condition_is_not_told() -> None:
    foreign = Condition(
        type="team.example/Approved",
        status="True",
        reason="Asked",
        message="By a person.",
        observed_generation=1,
        last_transition_time="2026-11-24T08:00:00Z",
    )
    assert () == list_transitions(NOTHING, NemotronDeploymentStatus(conditions=(foreign,)))
