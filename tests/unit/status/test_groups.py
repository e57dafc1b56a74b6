"""What is told of replicas that are groups of pods: the pods that are led explain those that lead."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.status.findings import find_available
from nemotron_operator.status.group_restarts import remember_failure
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_pods import FailedPod, ObservedPod
from nemotron_operator.status.observed_servers import GroupFailures, ObservedServer
from nemotron_operator.status.rollout import find_failed_rollout
from nemotron_operator.status.rollout_trouble import explain_rollout
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.observations import NEW, a_pod, trouble
from tests.support.fixtures.plans import plan_cached

PLAN = plan_cached(a_deployment().with_tensor(8).with_pipeline(2).having("cache.accessModes", ["ReadWriteMany"]))

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

NO_GPUS = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu."

LEADER = replace(a_pod(name="nemotron-nodes-0"), group="g", node="h100-0")

WORKER = replace(a_pod(name="nemotron-nodes-0-1", ready=True), group="g", node="h100-1")

ENDED = trouble(ended="Error", exit_code=1, last_words="It stopped in the middle.", restarts=1)


def seen(leader: ObservedPod = LEADER, *workers: ObservedPod, deadline: str = "", **more: object) -> Observation:
    server = ObservedServer(1, is_observed=True, deadline_message=deadline, kind="LeaderWorkerSet")
    made = Observation(server=server, server_pods=(leader,), worker_pods=workers)
    return replace(made, **more)  # type: ignore[arg-type]


def told(observation: Observation) -> tuple[str, bool]:
    found = explain_rollout(PLAN, observation)
    assert found is not None
    return found.message, found.needs_human


def test_a_leader_that_loads_with_its_workers_is_no_trouble() -> None:
    assert explain_rollout(PLAN, seen(LEADER, WORKER)) is None


def test_a_worker_without_a_node_says_what_its_group_lacks() -> None:
    waiting = replace(WORKER, ready=False, node="", unschedulable=NO_GPUS)
    nodes = (NodeGpus(8, 8, "h100-0"), NodeGpus(8, 2, "h100-1"))
    message, needs_human = told(seen(LEADER, waiting, gpu_nodes=nodes))
    assert "Pod nemotron-nodes-0-1 waits for GPUs: it needs 2 nodes with 8 free H100-80GB each" in message
    assert "each, and has 1 of them; the best node, h100-1, has 6." in message
    assert not needs_human


def test_a_group_without_any_node_needs_all_of_them() -> None:
    leader, worker = (replace(each, ready=False, node="", unschedulable=NO_GPUS) for each in (LEADER, WORKER))
    message, _ = told(seen(leader, worker, gpu_nodes=(NodeGpus(8, 0, "h100-0"), NodeGpus(8, 2, "h100-1"))))
    assert "needs 2 nodes with 8 free H100-80GB each; of the nodes, only h100-0 has so many." in message


def test_an_image_that_a_worker_cannot_pull_is_told_with_the_workers_name() -> None:
    pulling = replace(WORKER, ready=False, trouble=trouble("ImagePullBackOff", "no such image"))
    message, needs_human = told(seen(LEADER, pulling))
    assert "nemotron-nodes-0-1" in message
    assert needs_human


@pytest.mark.parametrize("is_gone", [True, False], ids=["already told to go", "still there"])
def test_one_end_of_a_worker_is_told_while_its_group_is_made_anew(*, is_gone: bool) -> None:
    ended = replace(WORKER, trouble=ENDED)
    observation = seen(LEADER, ending_pods=(ended,)) if is_gone else seen(LEADER, ended)
    message, needs_human = told(observation)
    assert "Pod nemotron-nodes-0-1 on node h100-1 ended with exit code 1, so" in message
    assert "in the middle" in message
    assert not needs_human


def test_an_end_that_is_understood_is_told_as_such() -> None:
    ended = replace(WORKER, trouble=replace(ENDED, last_message="CUDA error: device lost"))
    message, needs_human = told(seen(LEADER, ended))
    assert message.startswith("CUDA reported an error: device lost.")
    assert not needs_human


def remembering(times: int, at: str = "2026-11-24T07:56:00Z", revision: str = NEW) -> GroupFailures:
    return GroupFailures(revision, times, "GroupRestarting", "Pod w ended.", at)


def after(known: GroupFailures, *pods: ObservedPod) -> Observation:
    observation = seen(*pods) if pods else seen()
    assert observation.server is not None
    return replace(observation, server=replace(observation.server, group_failures=known))


def test_a_group_that_loads_again_tells_why_it_does() -> None:
    message, needs_human = told(after(remembering(1)))
    assert ("Pod w ended.", False) == (message, needs_human)
    message, needs_human = told(after(remembering(2)))
    assert "Since all replicas served last, that happened 2 times." in message
    assert needs_human
    assert explain_rollout(PLAN, after(remembering(2, revision="earlier"))) is None


def test_a_failed_group_counts_once_and_again_only_when_it_was_made_anew() -> None:
    ended = replace(WORKER, trouble=ENDED, created_at="2026-11-24T07:55:00Z")
    first = remember_failure(seen(LEADER, ended), "team", NOW)
    assert first is not None
    assert (1, "GroupRestarting", "2026-11-24T08:00:00Z", NEW) == (first.times, first.reason, first.at, first.revision)
    assert first == remember_failure(after(first, LEADER, ended), "team", NOW)
    again = replace(ended, created_at="2026-11-24T08:00:30Z")
    second = remember_failure(after(first, LEADER, again), "team", NOW)
    assert second is not None
    assert 2 == second.times
    other = remember_failure(after(second, LEADER, replace(again, revision="other")), "team", NOW)
    assert other is not None
    assert 1 == other.times


def test_a_group_that_failed_is_told_late_and_the_next_one_counts_all_the_same() -> None:
    ended = replace(WORKER, trouble=replace(ENDED, ended_at="2026-11-24T07:59:50Z"))
    first = remember_failure(seen(LEADER, ended), "team", NOW)
    assert first is not None
    assert "2026-11-24T07:59:50Z" == first.at
    again = replace(ended, created_at="2026-11-24T07:59:55Z")  # and still before anybody looked
    second = remember_failure(after(first, LEADER, again), "team", NOW)
    assert second is not None
    assert 2 == second.times


def test_failures_that_could_not_be_kept_in_between_all_count() -> None:
    def ended(created: str, at: str) -> ObservedPod:
        return replace(
            WORKER, trouble=replace(ENDED, ended_at=f"2026-11-24T{at}Z"), created_at=f"2026-11-24T{created}Z"
        )

    pods = ended("07:58:30", "07:59:00"), ended("07:57:00", "07:58:00"), ended("07:57:01", "07:58:01")
    kept = remember_failure(seen(LEADER, ending_pods=pods), "team", NOW)
    assert kept is not None
    assert (2, "2026-11-24T07:59:00Z") == (kept.times, kept.at)


def test_a_leader_that_is_unready_does_not_hide_why_its_group_fails() -> None:
    unready = replace(LEADER, unready="It is busy.")
    message, needs_human = told(after(remembering(3), unready))
    assert "happened 3 times" in message
    assert needs_human
    worker = replace(WORKER, trouble=ENDED)
    assert "Pod nemotron-nodes-0-1 on node h100-1 ended" in told(seen(unready, ending_pods=(worker,)))[0]


def test_a_remembered_failure_names_the_node_on_which_it_was() -> None:
    ended = replace(WORKER, trouble=replace(ENDED, last_message="CUDA error: device lost"))
    kept = remember_failure(seen(LEADER, ended), "team", NOW)
    assert kept is not None
    assert kept.message.startswith("Pod nemotron-nodes-0-1 was on node h100-1; the pod that has its name now may be")
    plain = remember_failure(seen(LEADER, replace(WORKER, trouble=ENDED)), "team", NOW)
    assert plain is not None
    assert plain.message.startswith("Pod nemotron-nodes-0-1 on node h100-1 ended")


def test_what_failed_is_forgotten_once_all_replicas_serve() -> None:
    assert remember_failure(after(remembering(3), replace(LEADER, ready=True)), "team", NOW) is None
    assert remembering(3) == remember_failure(after(remembering(3)), "team", NOW)


def test_a_revision_whose_group_fails_again_and_again_is_taken_back() -> None:
    rollout = RolloutPlan(NEW, NEW, {}, NEW, "i", "1", "Replace", "", can_go_back=True)
    assert find_failed_rollout(PLAN, after(remembering(1)), rollout) is None
    failed = find_failed_rollout(PLAN, after(remembering(2)), rollout)
    assert failed is not None
    assert ("GroupRestarting", NEW) == (failed.reason, failed.revision)


def test_pods_that_kueue_holds_back_wait_and_need_nobody() -> None:
    message, needs_human = told(seen(replace(LEADER, node="", is_held_back=True), deadline="late"))
    assert message.startswith("Pod nemotron-nodes-0 waits until Kueue admits it.")
    assert not needs_human
    found = find_available(PLAN, seen(replace(LEADER, node="", is_held_back=True)))
    assert Reason.WAITING_FOR_QUOTA == found.finding.reason


def test_groups_that_are_late_name_the_leader_whose_log_tells_most() -> None:
    message, needs_human = told(seen(LEADER, WORKER, deadline="Not all groups are ready."))
    assert "Not all groups are ready." in message
    assert "logs nemotron-nodes-0`" in message
    assert needs_human


def test_a_late_group_is_not_taken_back_for_what_others_were_late_with() -> None:
    rollout = RolloutPlan(NEW, NEW, {}, NEW, "i", "1", "Replace", "", can_go_back=True)
    assert find_failed_rollout(PLAN, seen(LEADER, WORKER, deadline="since long ago"), rollout) is None


def test_only_leaders_count_as_serving() -> None:
    assert 1 == seen(replace(LEADER, ready=True), WORKER).ready_pods
    assert 0 == seen(LEADER, WORKER).ready_pods


def test_a_controller_that_does_not_answer_needs_somebody_and_takes_nothing_back() -> None:
    observation = seen()
    assert observation.server is not None
    silent = replace(observation, server=replace(observation.server, is_unanswered=True))
    message, needs_human = told(silent)
    assert "`kubectl get pods -n lws-system`" in message
    assert needs_human
    rollout = RolloutPlan(NEW, NEW, {}, NEW, "i", "1", "Replace", "", can_go_back=True)
    assert find_failed_rollout(PLAN, silent, rollout) is None


LOST = FailedPod("nemotron-nodes-0-1", NEW, "NodeLost", "", "2026-11-24T08:00:00Z", "h100-1", group="g", is_lost=True)

HELD_NAME = "No pod takes its place before node h100-1 is back, or gone for Kubernetes too"


def test_a_node_that_is_lost_keeps_the_name_of_a_pod_in_a_group() -> None:
    message, needs_human = told(seen(LEADER, replace(WORKER, ready=False, is_out_of_reach=True)))
    assert "Node h100-1 reports no more, and pod nemotron-nodes-0-1 with it." in message
    assert HELD_NAME in message
    assert "`kubectl taint node h100-1 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`" in message
    assert "five minutes" not in message
    assert not needs_human


@pytest.mark.parametrize("pods", [(), (LEADER,)], ids=["the leader is gone", "the leader is there"])
def test_a_lost_node_is_told_of_after_the_pods_of_a_group_were_told_to_go(pods: tuple[ObservedPod, ...]) -> None:
    observation = seen(LEADER, WORKER, failed_pods=(LOST,), server_pods=pods)
    assert HELD_NAME in told(observation)[0]
    assert Reason.NODE_LOST == find_available(PLAN, observation).finding.reason


def test_what_a_group_lost_with_its_node_is_its_cause_unless_it_fails_again_and_again() -> None:
    observation = seen(LEADER, failed_pods=(LOST,), ending_pods=(replace(WORKER, trouble=ENDED),))
    assert told(observation)[0].startswith("Node h100-1 reports no more")
    again = replace(after(remembering(2)), failed_pods=(LOST,))
    message, needs_human = told(again)
    assert message.startswith("Pod w ended.")
    assert HELD_NAME in message
    assert needs_human


def test_a_group_whose_pods_are_missing_names_what_makes_them_and_no_log() -> None:
    nothing = seen(server_pods=())
    message = find_available(PLAN, nothing).finding.message
    assert "The LeaderWorkerSet is making its pods." in message
    assert "`kubectl -n team describe statefulset nemotron-nodes`" in message
    late, needs_human = told(seen(deadline="since long ago.", server_pods=()))
    assert "`kubectl -n team describe statefulset nemotron-nodes`" in late
    assert " logs " not in late
    assert "deploy/" not in late
    assert needs_human


def test_a_late_leader_whose_workers_are_missing_names_what_makes_them() -> None:
    message, _ = told(seen(LEADER, deadline="since long ago."))
    assert "`kubectl -n team describe statefulset nemotron-nodes-0`" in message
    assert "logs" not in message


def test_late_groups_whose_leaders_are_ready_are_no_deployment() -> None:
    message, _ = told(seen(replace(LEADER, ready=True), replace(WORKER, ready=False), deadline="since long ago."))
    assert "logs nemotron-nodes-0`" in message
