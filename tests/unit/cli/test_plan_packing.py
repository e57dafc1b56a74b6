"""How many replicas find their nodes, held against every way to place them."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.cli.plan.packing import Demand, Packing, count_needed_nodes, pack

demands = st.builds(Demand, replicas=st.integers(0, 4), gpus=st.integers(0, 8), pods=st.integers(1, 3))
one_size = st.builds(Demand, replicas=st.integers(0, 3), gpus=st.integers(1, 8), pods=st.integers(1, 3))
nodes = st.lists(st.integers(0, 8), max_size=4)


def test_replicas_fill_one_node_after_the_other() -> None:
    assert Packing((3,), (0, 4)) == pack([8, 8], [Demand(3, 4)])


def test_the_pods_of_one_replica_are_on_different_nodes() -> None:
    assert Packing((0,), (8,)) == pack([8], [Demand(1, 2, pods=2)])
    assert Packing((1,), (6, 6)) == pack([8, 8], [Demand(1, 2, pods=2)])


def test_pods_of_different_replicas_share_a_node() -> None:
    assert Packing((4,), (0, 0)) == pack([8, 8], [Demand(4, 2, pods=2)])


def test_nodes_that_only_one_replica_can_use_are_used_for_one_each() -> None:
    """Taken together for the first replica, they would leave one node for the second."""
    assert Packing((2,), (0, 0, 0)) == pack([1, 1, 2], [Demand(2, 1, pods=2)])


def test_the_largest_pods_are_placed_first() -> None:
    """In the order given, the small ones would leave no node whole."""
    assert Packing((2, 1), (0, 6)) == pack([8, 8], [Demand(2, 1), Demand(1, 8)])


def test_no_node_holds_nothing() -> None:
    assert Packing((0,), ()) == pack([], [Demand(1, 1)])


@pytest.mark.parametrize("demand", [Demand(0, 8), Demand(3, 0)])
def test_what_takes_no_gpu_takes_no_node(demand: Demand) -> None:
    assert (8,) == pack([8], [demand]).free_gpus
    assert 0 == count_needed_nodes(8, demand)


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        (Demand(1, 8), 1),
        (Demand(3, 4), 2),
        (Demand(2, 3), 1),
        (Demand(3, 3), 2),
        (Demand(1, 9), None),
        (Demand(1, 2, pods=2), 2),
        (Demand(4, 2, pods=2), 2),
        (Demand(5, 2, pods=2), 3),
        (Demand(2, 8, pods=2), 4),
    ],
)
def test_nodes_are_counted(demand: Demand, expected: int | None) -> None:
    assert expected == count_needed_nodes(8, demand)


@given(free=nodes, wanted=st.lists(demands, max_size=4))
def test_what_is_placed_is_what_is_taken(free: list[int], wanted: list[Demand]) -> None:
    packing = pack(free, wanted)
    pairs = list(zip(packing.placed, wanted, strict=True))
    taken = sum(placed * demand.pods * demand.gpus for placed, demand in pairs)
    assert sum(free) - sum(packing.free_gpus) == taken
    assert all(0 <= left <= before for left, before in zip(packing.free_gpus, free, strict=True))
    assert all(placed <= demand.replicas for placed, demand in pairs)


@given(free=nodes, wanted=st.lists(demands, max_size=4))
def test_what_found_no_nodes_would_fit_none_that_are_left(free: list[int], wanted: list[Demand]) -> None:
    packing = pack(free, wanted)
    for placed, demand in zip(packing.placed, wanted, strict=True):
        if placed < demand.replicas and demand.gpus:
            assert sum(left >= demand.gpus for left in packing.free_gpus) < demand.pods


@given(free=nodes, demand=one_size)
def test_of_one_size_as_many_are_placed_as_can_be(free: list[int], demand: Demand) -> None:
    """Brute force: every replica is tried on every choice of nodes."""

    def find_most(left: tuple[int, ...], replicas: int) -> int:
        most = 0
        for chosen in combinations(range(len(left)), demand.pods) if replicas else ():
            if all(left[node] >= demand.gpus for node in chosen):
                rest = tuple(free - demand.gpus * (node in chosen) for node, free in enumerate(left))
                most = max(most, 1 + find_most(rest, replicas - 1))
        return most

    assert find_most(tuple(free), demand.replicas) == pack(free, [demand]).placed[0]


@given(demand=one_size)
def test_so_many_empty_nodes_hold_all_and_no_fewer(demand: Demand) -> None:
    needed = count_needed_nodes(8, demand)
    assert needed is not None
    assert demand.replicas == pack([8] * needed, [demand]).placed[0]
    assert not needed or demand.replicas > pack([8] * (needed - 1), [demand]).placed[0]
