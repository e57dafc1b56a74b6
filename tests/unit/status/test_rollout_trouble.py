"""What keeps a Deployment from its pods, and the pods from serving, where no pod says it itself."""

from dataclasses import replace

import pytest

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.findings import find_available
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_pods import FailedPod, ObservedPod
from nemotron_operator.status.rollout import find_failed_rollout
from nemotron_operator.status.rollout_trouble import explain_rollout
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.observations import NEW, OLD, a_pod, serving, trouble
from tests.support.fixtures.plans import plan_cached
from tests.unit.status.test_compute import NOW

PLAN = plan_cached(a_deployment().with_replicas(2))

OVER_QUOTA = 'pods "nemotron-5d8f-x" is forbidden: exceeded quota: gpus, requested: 2, used: 8, limited: 8'

PRIVILEGED = 'pods "nemotron-5d8f-x" is forbidden: violates PodSecurity "restricted:latest": hostPath volumes.'

NO_GPUS = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu."

LATE = "ReplicaSet has timed out progressing."

LOST = FailedPod("nemotron-lost", NEW, "NodeLost", "", "2026-11-24T08:00:00Z", "h100-0", is_lost=True)

ROLLOUT = RolloutPlan(NEW, NEW, {}, NEW, "i", "1", "Replace", "", can_go_back=True)


def refused(*pods: ObservedPod, said: str = OVER_QUOTA, deadline: str = "") -> Observation:
    seen = serving(*pods, deadline=deadline)
    assert seen.server is not None
    return replace(seen, server=replace(seen.server, refusal=said, refusal_lasts=True))


def told(observation: Observation) -> Trouble:
    found = explain_rollout(PLAN, observation)
    assert found is not None
    return found


@pytest.mark.parametrize("deadline", ["", LATE])
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (OVER_QUOTA, f"{OVER_QUOTA}. Raise that quota, or free some of it: `kubectl -n team describe quota`"),
        (PRIVILEGED, f"{PRIVILEGED} Change that policy, webhook or limit, or what it refuses in the spec: `kubectl"),
    ],
    ids=["quota", "policy"],
)
def test_pods_that_may_not_be_made_are_told_with_who_refuses_them(said: str, words: str, deadline: str) -> None:
    found = told(refused(said=said, deadline=deadline))
    assert (Reason.REFUSED_BY_CLUSTER, True) == (found.reason, found.needs_human)
    assert "Deployment nemotron may not make all of its pods: " in found.message
    assert words in found.message
    assert " logs " not in found.message
    assert Reason.REFUSED_BY_CLUSTER == find_available(PLAN, refused(said=said, deadline=deadline)).finding.reason


def test_one_pod_that_serves_does_not_hide_that_another_may_not_be_made() -> None:
    assert told(refused(a_pod(ready=True))).needs_human


def test_a_pod_that_loads_goes_on_although_another_may_not_be_made() -> None:
    observation = refused(a_pod())
    assert (Reason.REFUSED_BY_CLUSTER, False) == (told(observation).reason, told(observation).needs_human)
    assert find_failed_rollout(PLAN, observation, ROLLOUT) is None


def test_a_refusal_that_may_pass_by_itself_is_told_and_needs_nobody() -> None:
    observation = refused()
    assert observation.server is not None
    passing = replace(observation, server=replace(observation.server, refusal_lasts=False))
    assert (Reason.REFUSED_BY_CLUSTER, False) == (told(passing).reason, told(passing).needs_human)


def test_a_revision_that_is_unready_for_a_moment_is_not_taken_back_since_a_pod_is_refused() -> None:
    assert find_failed_rollout(PLAN, refused(replace(a_pod(), unready="It is busy.")), ROLLOUT) is None


def test_what_a_pod_suffers_from_stands_beside_that_another_may_not_be_made() -> None:
    found = told(refused(a_pod(unschedulable=NO_GPUS)))
    assert Reason.WAITING_FOR_GPU is found.reason
    assert OVER_QUOTA in found.message


def test_a_deployment_that_has_all_its_pods_is_ready_whatever_was_refused() -> None:
    observation = refused(a_pod(ready=True, name="a"), a_pod(ready=True, name="b"))
    silent = plan_cached(a_deployment().with_replicas(2).that_is_asked_nothing())
    status = compute_status(silent, observation, NEW, NemotronDeploymentStatus(), NOW)
    assert {"True"} == {each.status for each in status.conditions if each.type == "Ready"}


def test_a_deployment_that_is_late_without_pods_has_no_log() -> None:
    found = told(serving(deadline=LATE))
    assert Reason.PROGRESS_DEADLINE_EXCEEDED is found.reason
    assert "`kubectl -n team describe deployment nemotron` shows why no pod is there." in found.message
    assert " logs " not in found.message


@pytest.mark.parametrize(
    "pods", [(), (a_pod(ready=True),), (a_pod(OLD, ready=True),)], ids=["none", "one", "an old one"]
)
def test_a_lost_pod_that_nothing_replaces_is_the_cause(pods: tuple[ObservedPod, ...]) -> None:
    found = told(replace(serving(*pods), failed_pods=(LOST,)))
    assert (Reason.NODE_LOST, False) == (found.reason, found.needs_human)
    assert "Node h100-0 reports no more, so pod nemotron-lost cannot end." in found.message
    assert "`kubectl delete node h100-0`" in found.message


def test_a_lost_pod_does_not_hide_the_one_that_loads_in_its_place() -> None:
    observation = replace(serving(a_pod()), failed_pods=(LOST,))
    assert explain_rollout(PLAN, observation) is None
    assert Reason.LOADING == find_available(PLAN, observation).finding.reason


def test_a_lost_node_is_told_beside_the_pod_that_waits_for_another() -> None:
    found = told(replace(serving(a_pod(unschedulable=NO_GPUS)), failed_pods=(LOST,)))
    assert Reason.WAITING_FOR_GPU is found.reason
    assert "so pod nemotron-lost cannot end." in found.message


def test_a_lost_node_has_nothing_to_do_with_an_engine_that_fails() -> None:
    crashed = trouble("CrashLoopBackOff", ended="Error", exit_code=1, last_words="Ouch.", restarts=3)
    found = told(replace(serving(a_pod(in_trouble=crashed)), failed_pods=(LOST,)))
    assert "nemotron-lost" not in found.message


def test_a_pod_that_has_served_does_not_start_and_stands_for_no_other() -> None:
    unready = replace(a_pod(), unready="containers with unready status: [vllm]")
    evicted = FailedPod("x", NEW, "Evicted", "Low on memory.", "2026-11-24T07:54:40Z", "h100-0")
    observation = replace(serving(unready), failed_pods=(evicted,))
    status = compute_status(PLAN, observation, NEW, NemotronDeploymentStatus(), NOW)
    assert status.startup is None
    assert {"EngineUnready"} == {each.reason for each in status.conditions if each.type in {"Ready", "Available"}}
    assert "evicted" not in told(observation).message
    both = compute_status(
        PLAN,
        serving(replace(unready, created_at="2026-11-01T08:00:00Z"), a_pod(name="new")),
        NEW,
        NemotronDeploymentStatus(),
        NOW,
    )
    assert both.startup is not None
    assert "2026-11-24T07:55:00Z" == both.startup.started_at
