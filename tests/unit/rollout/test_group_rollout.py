"""Rollouts of replicas that are groups of pods on several nodes."""

from dataclasses import replace

import pytest

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.rollout import RevisionRecord
from nemotron_operator.render.pod_revision import mark_pods, mark_workers
from nemotron_operator.rollout.capacity import describe_need, describe_room, find_room, is_freed_by_one
from nemotron_operator.rollout.facts import LivePod, LiveServer, RolloutFacts
from nemotron_operator.rollout.revision import ChosenRevision, choose_revision
from nemotron_operator.rollout.strategy import OTHER_KIND, needs_room, plan_rollout
from tests.unit.rollout.world import JSON, PLAN, a_template

H100 = "H100-80GB"
FULL, EMPTY, OTHER = NodeGpus(8, 8, "a"), NodeGpus(8, 0, "b"), NodeGpus(8, 0, "c")
GROUPS = replace(PLAN, nodes=2)


def choose(facts: RolloutFacts, workers: JSON | None = None, version: str = "1") -> ChosenRevision:
    rendered = a_template(version)
    plan = PLAN if workers is None else GROUPS
    return choose_revision(plan, rendered, {"replicas": 1}, version, facts, workers=workers)


def live(chosen: ChosenRevision, *, pods: tuple[LivePod, ...] = ()) -> LiveServer:
    """Show what was chosen as it serves with one replica."""
    return LiveServer(
        revision=chosen.revision,
        base_revision=chosen.record.base_revision,
        inputs=chosen.record.inputs,
        operator_version="1",
        strategy="Replace",
        why="",
        replicas=1,
        is_settled=True,
        ready_pods=1,
        pods=pods,
        template=chosen.template,
        worker_template=chosen.worker_template,
        group_size=chosen.record.group_size,
    )


def test_a_group_finds_room_only_on_as_many_nodes() -> None:
    assert (EMPTY, OTHER) == find_room([FULL, EMPTY, OTHER], 8, 2)
    assert () == find_room([FULL, EMPTY, NodeGpus(16, 0, "d")], 9, 2)
    assert "Node b has 8 and c has 8 H100-80GB free, and one more replica needs 8 on each of 2 nodes." == describe_room(
        8, H100, [FULL, EMPTY, OTHER], 2
    )


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([FULL], "needs 2 nodes with 8 free H100-80GB each; the best node, a, has 0"),
        ([FULL, EMPTY], "needs 2 nodes with 8 free H100-80GB each; of the nodes, only b has so many"),
        ([], "needs 2 nodes with 8 free H100-80GB each, and no node that is ready and fits has that accelerator"),
    ],
)
def test_what_a_group_lacks_is_told_with_the_numbers(nodes: list[NodeGpus], expected: str) -> None:
    assert expected == describe_need(8, H100, nodes, 2)


def test_one_group_that_stops_frees_all_its_nodes() -> None:
    pods = (LivePod("a", 8, group="g"), LivePod("b", 8, group="g"), LivePod("c", 8, group="h"))
    nodes = [NodeGpus(8, 8, name) for name in "abc"]
    assert is_freed_by_one(nodes, pods, 8, 2)
    assert not is_freed_by_one(nodes, pods[1:], 8, 2)
    assert is_freed_by_one(nodes, (replace(pods[2], is_leaving=True), pods[1]), 8, 2)


def test_what_is_kept_has_the_workers_and_how_many_there_are() -> None:
    workers = a_template("w")
    chosen = choose(RolloutFacts(records=()), workers)
    assert (workers, 2) == (chosen.record.worker_template, chosen.record.group_size)
    assert chosen.worker_template is not None
    assert chosen.revision == chosen.worker_template["metadata"]["labels"]["nemotron.dev/revision"]


def test_a_record_that_was_lost_is_made_anew_with_its_workers() -> None:
    workers = a_template("w")
    first = choose(RolloutFacts(records=()), workers)
    again = choose(RolloutFacts(live(first), records=()), workers, version="2")
    assert (first.revision, 2) == (again.revision, again.record.group_size)
    assert again.record.worker_template is not None
    assert workers["spec"] == again.record.worker_template["spec"]


def test_another_kind_of_object_stops_what_serves_whatever_is_free_or_asked_for() -> None:
    alone = choose(RolloutFacts(records=()))
    facts = RolloutFacts(live(alone), records=(alone.record,))
    chosen = choose(facts, a_template("w"), version="2")
    chosen = replace(chosen, record=replace(chosen.record, worker_template=a_template("w"), group_size=2))
    chosen = replace(chosen, worker_template=mark_workers(a_template("w"), "x", None))
    asked = replace(GROUPS, rollout_strategy="Surge")
    assert not needs_room(GROUPS, chosen, facts.live)
    for plan in (GROUPS, asked):
        rollout = plan_rollout(plan, chosen, facts.live, [EMPTY, OTHER])
        assert ("Replace", OTHER_KIND, 2) == (rollout.strategy, rollout.why, rollout.group_size)


def test_going_back_to_one_node_brings_its_pods_back() -> None:
    alone = replace(choose(RolloutFacts(records=())).record, number=1, has_served=True)
    groups = choose(RolloutFacts(records=()), a_template("w")).record
    kept = (alone, replace(groups, base_revision="other", number=2))
    back = choose(RolloutFacts(records=kept, pinned=alone.base_revision), a_template("w"))
    assert (None, 1) == (back.worker_template, back.record.group_size)


def test_a_group_that_takes_more_gpus_than_one_node_did_says_so() -> None:
    earlier = RevisionRecord("old", 1, "other", a_template("0"), {}, "1", has_served=True)
    chosen = choose(RolloutFacts(records=(earlier,)), a_template("w"))
    assert (True, True) == (chosen.can_go_back, chosen.saves_gpus_by_going_back)
    assert not choose(RolloutFacts(records=(earlier,))).saves_gpus_by_going_back


def test_what_differs_of_the_workers_alone_is_told() -> None:
    marks = [{"metadata": {"annotations": {"nemotron.dev/worker-template": each}}} for each in "12"]
    before, after = ({**a_template(), **mark} for mark in marks)
    kept = RevisionRecord("old", 1, GROUPS.inputs, before, {}, "0", worker_template=a_template("w1"), group_size=2)
    chosen = choose_revision(GROUPS, after, {}, "1", RolloutFacts(records=(kept,)), workers=a_template("w2"))
    assert chosen.update is not None
    assert ("image vllm:w1 -> vllm:w2",) == chosen.update.differences


def test_a_restart_marks_both_templates() -> None:
    leader = mark_pods(a_template(), "base", "noon")
    worker = mark_workers(a_template("w"), "base", "noon")
    assert worker is not None
    assert (
        leader["metadata"]["labels"]["nemotron.dev/revision"] == worker["metadata"]["labels"]["nemotron.dev/revision"]
    )
    assert "noon" == worker["metadata"]["annotations"]["nemotron.dev/restarted-at"]
