"""How new pods replace old ones: by the GPUs that are free when the rollout begins, once."""

from dataclasses import replace
from typing import Any, Literal

import pytest

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.plan.serving_plan import CachePlan
from nemotron_operator.rollout.facts import LivePod
from nemotron_operator.rollout.strategy import AS_ASKED, NOTHING_TO_KEEP
from tests.unit.rollout.world import PLAN, World, serving

FULL, EMPTY = NodeGpus(8, 8, "h100-0"), NodeGpus(8, 0, "h100-1")
MOUNTED = frozenset({"models"})
NO_ROOM = "One more replica needs 8 free H100-80GB on one node; the best node, h100-0, has 0."
ON_NODE_0 = " It has to start where its volume is, on node h100-0."
WAITS = " Stopping an old one would not free enough, so they serve until there is room."


def cache_of(**changes: bool) -> CachePlan:
    fields: dict[str, Any] = {"claim_name": "models", **changes}
    return replace(PLAN.cache, **fields)


def asking(strategy: Literal["Auto", "Surge", "Replace"], world: World | None = None) -> World:
    world = world or serving()
    world.plan = replace(world.plan, rollout_strategy=strategy)
    return world


def change(world: World, gpus: int = 8) -> RolloutPlan:
    """Change the spec, so that other pods are wanted."""
    world.gpus = gpus
    world.want("b")
    return world.reconcile()


def get_stuck(world: World) -> RolloutPlan:
    assert world.live is not None
    world.live = replace(world.live, is_settled=False, is_short_of_gpus=True)
    return world.reconcile()


def told(rollout: RolloutPlan) -> tuple[str, str]:
    return rollout.strategy, rollout.why


def test_the_first_pods_replace_nothing_and_nobody_looks_for_gpus() -> None:
    world = World()
    assert ("Replace", "Nothing serves yet.") == told(world.reconcile())
    assert 0 == world.asked_for_nodes


def test_where_a_node_has_room_a_new_replica_comes_first() -> None:
    world = serving(nodes=[FULL, EMPTY])
    assert ("Surge", "Node h100-1 has 8 H100-80GB free, and one more replica needs 8.") == told(change(world))


def test_of_the_nodes_with_room_the_fullest_is_named() -> None:
    world = serving(nodes=[EMPTY, NodeGpus(16, 7, "h200-0")])
    assert "Node h100-1 has 8" in change(world).why


def test_where_no_node_has_room_an_old_replica_stops_first() -> None:
    assert ("Replace", NO_ROOM) == told(change(serving(nodes=[FULL])))


def test_what_was_decided_stays_whatever_becomes_free() -> None:
    world = serving(nodes=[FULL])
    decided = told(change(world))
    world.nodes = [EMPTY]
    assert decided == told(world.reconcile())
    assert 1 == world.asked_for_nodes


def test_a_surge_whose_gpus_somebody_took_goes_on_in_place_and_never_back() -> None:
    world = serving(nodes=[FULL, EMPTY])
    change(world)
    world.nodes = [FULL]
    assert ("Replace", NO_ROOM) == told(get_stuck(world))
    world.nodes = [FULL, EMPTY]
    assert ("Replace", NO_ROOM) == told(get_stuck(world))


def test_a_surge_that_has_room_and_yet_waits_is_left_as_it_is_word_for_word() -> None:
    """The scheduler is slower than we, or looks at something else beside GPUs."""
    world = serving(nodes=[FULL, EMPTY])
    decided = told(change(world))
    world.nodes = [FULL, NodeGpus(16, 0, "other")]
    assert decided == told(get_stuck(world))


def test_a_replica_that_grows_beyond_what_an_old_one_frees_leaves_that_one_serving() -> None:
    world = serving(nodes=[NodeGpus(16, 16, "h100-0")])
    why = "One more replica needs 12 free H100-80GB on one node; the best node, h100-0, has 0." + WAITS
    assert ("Surge", why) == told(change(world, gpus=12))
    assert ("Surge", why) == told(get_stuck(world))
    world.nodes = [NodeGpus(16, 12, "h100-0")]
    assert "Replace" == get_stuck(world).strategy


def test_an_old_replica_on_a_node_that_takes_no_pods_frees_nothing() -> None:
    world = serving(nodes=[NodeGpus(8, 6, "h100-1")])
    why = "One more replica needs 8 free H100-80GB on one node; the best node, h100-1, has 2." + WAITS
    assert ("Surge", why) == told(change(world))


def test_gpus_of_old_pods_that_are_leaving_do_not_count_as_free_yet() -> None:
    world = serving(nodes=[NodeGpus(16, 16, "h100-0")])
    assert world.live is not None
    leaving = LivePod("h100-0", 8, is_leaving=True, claims=MOUNTED)
    world.live = replace(world.live, pods=(*world.live.pods, leaving))
    assert "Replace" == change(world, gpus=16).strategy


def test_several_replicas_surge_with_the_room_for_one() -> None:
    world = World(plan=replace(PLAN, replicas=3), nodes=[FULL, FULL, EMPTY])
    world.reconcile()
    world.is_served()
    assert "Surge" == change(world).strategy


def test_where_no_replica_serves_the_old_ones_free_their_gpus_at_once() -> None:
    world = serving(nodes=[FULL, EMPTY])
    assert world.live is not None
    world.live = replace(world.live, ready_pods=0)
    assert ("Replace", NOTHING_TO_KEEP) == told(change(world))
    assert 0 == world.asked_for_nodes


def test_an_operator_that_may_not_look_replaces_in_place() -> None:
    why = "The operator may not list nodes and pods, so it does not know which GPUs are free"
    assert ("Replace", f"{why}.") == told(change(serving(nodes=None)))
    grown = f"{why}, and an old replica holds 8 of the 12 H100-80GB that a new one needs."
    assert ("Surge", grown) == told(change(serving(nodes=None), gpus=12))


def test_the_gpus_that_count_are_those_of_the_pods_that_are_applied() -> None:
    """A kept revision may take others than what is planned now."""
    world = serving(nodes=[NodeGpus(8, 4, "h100-0")], gpus=4)
    assert ("Surge", "Node h100-0 has 4 H100-80GB free, and one more replica needs 4.") == told(change(world, gpus=4))


@pytest.mark.parametrize("strategy", ["Surge", "Replace"])
def test_a_user_is_obeyed_and_nobody_looks_for_gpus(strategy: Literal["Surge", "Replace"]) -> None:
    world = asking(strategy, serving(nodes=[FULL]))
    assert (strategy, AS_ASKED) == told(change(world))
    assert 0 == world.asked_for_nodes


def test_another_strategy_takes_no_new_pods() -> None:
    world = serving(nodes=[FULL])
    before = world.reconcile()
    asked = asking("Surge", world).reconcile()
    assert (before.applied_revision, "Surge", AS_ASKED) == (asked.applied_revision, *told(asked))
    left = asking("Auto", world).reconcile()
    assert (before.applied_revision, "Replace", NO_ROOM) == (left.applied_revision, *told(left))
    assert told(left) == told(world.reconcile())
    assert 1 == world.asked_for_nodes


def test_on_a_volume_for_one_node_only_that_node_counts() -> None:
    world = serving(nodes=[FULL, EMPTY])
    world.plan = replace(world.plan, cache=cache_of(is_for_one_node=True))
    assert ("Replace", NO_ROOM + ON_NODE_0) == told(change(world))
    roomy = serving(nodes=[NodeGpus(16, 8, "h100-0"), EMPTY])
    roomy.plan = replace(roomy.plan, cache=cache_of(is_for_one_node=True))
    why = "Node h100-0 has 8 H100-80GB free, and one more replica needs 8." + ON_NODE_0
    assert ("Surge", why) == told(change(roomy))


def test_on_a_volume_for_one_node_that_old_pods_do_not_mount_every_node_counts() -> None:
    world = serving(nodes=[FULL, EMPTY])
    assert world.live is not None
    world.plan = replace(world.plan, cache=cache_of(is_for_one_node=True))
    world.live = replace(world.live, pods=(LivePod("h100-0", 8, claims=frozenset({"older"})),))
    assert "Surge" == change(world).strategy


def test_a_volume_for_one_pod_lets_nothing_surge_whoever_asks() -> None:
    exclusive = "volume 'models' lets only one pod in at a time (ReadWriteOncePod)."
    world = serving(nodes=[FULL, EMPTY])
    world.plan = replace(world.plan, cache=cache_of(is_for_one_pod=True, is_for_one_node=True))
    assert ("Replace", f"One more replica cannot start: {exclusive}") == told(change(world))
    asked = asking("Surge", world).reconcile()
    assert ("Replace", f"spec.rollout.strategy says Surge, but {exclusive}") == told(asked)
    assert 0 == world.asked_for_nodes


def test_suspending_and_resuming_decides_nothing_anew() -> None:
    world = serving(nodes=[FULL, EMPTY])
    decided = told(change(world))
    world.is_served()
    world.plan = replace(world.plan, replicas=0)
    assert decided == told(world.reconcile())
    world.is_served()
    assert decided == told(world.reconcile())
    world.plan = replace(world.plan, replicas=1)
    assert decided == told(world.reconcile())
    assert 1 == world.asked_for_nodes


def test_a_spec_that_changes_while_suspended_replaces_nothing() -> None:
    world = serving(nodes=[FULL, EMPTY])
    world.plan = replace(world.plan, replicas=0)
    world.reconcile()
    world.is_served()
    assert ("Replace", "Nothing serves yet.") == told(change(world))


def test_going_back_stops_what_failed_first() -> None:
    world = serving(nodes=[FULL, EMPTY])
    change(world)
    world.fails()
    assert ("Replace", NOTHING_TO_KEEP) == told(world.reconcile())


def test_what_somebody_wrote_into_the_reason_is_told_in_bounded_length() -> None:
    world = serving()
    assert world.live is not None
    world.live = replace(world.live, why="x" * 5000)
    assert 1024 == len(world.decide().why)
