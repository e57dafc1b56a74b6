"""What is told of a rollout, and when one has failed."""

from dataclasses import replace
from typing import Any

import pytest

from nemotron_operator import __version__
from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.api.rollout import RolloutStatus
from nemotron_operator.plan.rollout import FailedRevision, RevisionRecord, RolloutPlan, WaitingUpdate
from nemotron_operator.plan.serving_plan import Rejection
from nemotron_operator.render.revision_record import begin_rollout
from nemotron_operator.status.findings import find_available, find_ready
from nemotron_operator.status.judgement import Judged, no
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_pods import ContainerTrouble, ObservedPod
from nemotron_operator.status.observed_servers import ObservedServer
from nemotron_operator.status.rollout import (
    explain_pause,
    find_failed_rollout,
    find_taken_back,
    find_update,
    tell_rollout,
    tell_unknown_pin,
)
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import plan_cached

PLAN = plan_cached(a_deployment())
REVISION = begin_rollout(PLAN).revision
LATE = 'ReplicaSet "nemotron-5d8f9" has timed out progressing.'
NO_GPUS = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu."
CRASHING = ContainerTrouble("CrashLoopBackOff", "", "Error", 1, "no room", 5)


def a_rollout(**changes: Any) -> RolloutPlan:  # noqa: ANN401 - any field of a plan
    return replace(begin_rollout(PLAN), **{"can_go_back": True, **changes})


def a_pod(*, revision: str = REVISION, ready: bool = False, **changes: Any) -> ObservedPod:  # noqa: ANN401 - any field
    fields = {"unschedulable": "", "trouble": None, "name": "nemotron-5d8f9-abcde", **changes}
    return ObservedPod(revision=revision, created_at="2026-11-24T07:45:00Z", ready=ready, **fields)


def seen(*pods: ObservedPod, deadline: str = "", **server: Any) -> Observation:  # noqa: ANN401 - any field
    return Observation(ObservedServer(len(pods), is_observed=True, deadline_message=deadline, **server), tuple(pods))


CRASHED = a_pod(trouble=CRASHING)


@pytest.mark.parametrize(
    ("observation", "reason"),
    [(seen(CRASHED), "CrashLoop"), (seen(a_pod(), deadline=LATE), "ProgressDeadlineExceeded")],
    ids=["a crash loop", "a deadline"],
)
def test_a_rollout_that_left_nothing_and_needs_a_human_has_failed(observation: Observation, reason: str) -> None:
    failed = find_failed_rollout(PLAN, observation, a_rollout())
    assert failed is not None
    assert (REVISION, reason) == (failed.revision, failed.reason)


@pytest.mark.parametrize(
    ("observation", "changes"),
    [
        (seen(CRASHED, a_pod(revision="old", ready=True)), {}),
        (seen(a_pod(revision="old", trouble=CRASHING)), {}),
        (seen(a_pod(revision="old", trouble=CRASHING), a_pod()), {}),
        (seen(a_pod(), deadline='ReplicaSet "nemotron-77777" has timed out progressing.'), {}),
        (seen(deadline=LATE), {}),
        (seen(a_pod(unschedulable=NO_GPUS), deadline=LATE), {}),
        (seen(a_pod(unschedulable=NO_GPUS)), {"saves_gpus_by_going_back": True}),
        (seen(a_pod()), {}),
        (seen(CRASHED), {"can_go_back": False}),
        (seen(CRASHED), {"failure": FailedRevision("r", "CrashLoop", "")}),
    ],
    ids=[
        "an old pod serves",
        "only an old pod crashes",
        "an old pod crashes beside",
        "others were late",
        "no pod came",
        "it waits for GPUs that the earlier ones need as well",
        "it waits for GPUs not long yet",
        "it takes its time",
        "nothing served earlier",
        "it was taken back already",
    ],
)
def test_what_is_no_failure_of_the_rollout(observation: Observation, changes: dict[str, Any]) -> None:
    assert find_failed_rollout(PLAN, observation, a_rollout(**changes)) is None


def test_pods_that_find_no_gpus_go_back_to_smaller_ones_once_the_deadline_is_over() -> None:
    observation = seen(a_pod(unschedulable=NO_GPUS), deadline=LATE)
    failed = find_failed_rollout(PLAN, observation, a_rollout(saves_gpus_by_going_back=True))
    assert failed is not None
    assert Reason.WAITING_FOR_GPU == failed.reason


def test_nothing_fails_without_a_replica_or_a_plan() -> None:
    rejection = Rejection(PLAN.identity, Reason.UNKNOWN_MODEL, "No such model.")
    assert find_failed_rollout(replace(PLAN, replicas=0), seen(CRASHED), a_rollout()) is None
    assert find_failed_rollout(rejection, seen(CRASHED), a_rollout()) is None


def test_a_record_that_is_being_written_is_waited_for() -> None:
    record = RevisionRecord(REVISION, 2, PLAN.inputs, {}, {}, "0.1.0")
    assert find_failed_rollout(PLAN, seen(CRASHED), a_rollout(record=record)) is None


def test_what_was_taken_back_is_told_with_what_serves_and_the_way_out() -> None:
    rollout = a_rollout(revision="r2", failure=FailedRevision("r2", "CrashLoop", "The KV cache is too small."))
    judged = find_taken_back(rollout, PLAN, seen(a_pod(revision="r1", ready=True)))
    assert judged is not None
    expected = (
        "Revision r2 failed, and the revision before it is back: 1 of 1 pods serve. The KV cache is too small. Change "
        "the spec, or try the same again with `nemoctl restart nemotron -n team`."
    )
    assert ("False", "CrashLoop", expected, True) == (
        judged.finding.status,
        judged.finding.reason,
        judged.finding.message,
        judged.needs_human,
    )


def test_what_was_taken_back_and_crashes_as_well_is_told() -> None:
    rollout = a_rollout(revision="r2", failure=FailedRevision("r2", "OutOfMemory", "Out of memory."))
    judged = find_taken_back(rollout, PLAN, seen(CRASHED))
    assert judged is not None
    assert "0 of 1 pods serve" in judged.finding.message
    assert "Of the revision before: Pod nemotron-5d8f9-abcde" in judged.finding.message


def test_nothing_is_taken_back_while_it_is_suspended_nor_without_a_failure() -> None:
    rollout = a_rollout(failure=FailedRevision("r2", "CrashLoop", ""))
    assert find_taken_back(rollout, replace(PLAN, replicas=0), seen()) is None
    assert find_taken_back(a_rollout(), PLAN, seen()) is None
    assert find_taken_back(None, PLAN, seen()) is None


def test_an_update_that_waits_is_told_with_its_differences_and_the_command() -> None:
    update = WaitingUpdate("r2", "0.1.0", ("image a -> b", "argument added: --x"))
    (finding,) = find_update(a_rollout(update=update), "nemotron", "team")
    expected = (
        "This operator would render other pods than version 0.1.0 did for the same spec: image a -> b; argument added: "
        "--x. `nemoctl adopt nemotron -n team` takes that; so does the next change of the spec that reaches the pods."
    )
    assert ("True", "NewDefaults", expected) == (finding.status, finding.reason, finding.message)
    assert () == find_update(a_rollout(), "nemotron", "team") == find_update(None, "nemotron", "team")


def test_how_pods_are_replaced_is_told_and_stays_without_a_plan() -> None:
    rollout = a_rollout(strategy="Surge", why="Room.", update=WaitingUpdate("r2", "0.1.0", ()))
    told = RolloutStatus(strategy="Surge", message="Room.", operator_version=__version__, available_revision="r2")
    assert told == tell_rollout(rollout, None) == tell_rollout(None, told)


def test_a_pin_that_nobody_knows_is_added_to_what_is_told_in_bounded_length() -> None:
    ready = Judged(no(ConditionType.READY, Reason.LOADING, "It loads."))
    told = tell_unknown_pin(ready, a_rollout(unknown_pin="x" * 1000), PLAN).finding.message
    assert told.startswith(f"It loads. Annotation nemotron.dev/revision names '{'x' * 64}', which is neither kept")
    assert ready == tell_unknown_pin(ready, a_rollout(), PLAN) == tell_unknown_pin(ready, None, PLAN)


def test_a_paused_deployment_is_told_with_the_way_to_go_on() -> None:
    paused = seen(a_pod(revision="old", ready=True), is_paused=True)
    trouble = explain_pause(PLAN, paused)
    assert trouble is not None
    assert "`kubectl -n team rollout resume deployment nemotron` goes on." in trouble.message
    ready = find_ready(PLAN, paused, REVISION, (), Judged(no(ConditionType.VERIFIED, Reason.WAITING, "")))
    assert (True, True) == (ready.needs_human, "Somebody paused" in ready.finding.message)
    assert "Somebody paused" in find_available(PLAN, seen(is_paused=True)).finding.message
    assert explain_pause(PLAN, seen()) is None is explain_pause(PLAN, Observation())
