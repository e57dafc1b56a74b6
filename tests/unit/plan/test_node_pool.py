from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.plan.node_pool import Demand, Packing, count_needed_nodes, pack

demands = st.builds(Demand, replicas=st.integers(0, 4), gpus=st.integers(0, 8))
one_size = st.builds(Demand, replicas=st.integers(0, 6), gpus=st.integers(1, 8))
nodes = st.lists(st.integers(0, 8), max_size=4)


def test_replicas_fill_one_node_after_the_other() -> None:
    assert Packing((3,), (0, 4)) == pack([8, 8], [Demand(3, 4)])


def test_a_replica_never_spans_nodes() -> None:
    assert Packing((0,), (6, 6)) == pack([6, 6], [Demand(1, 8)])


def test_the_largest_replicas_are_placed_first() -> None:
    """In the order given, the small ones would leave no node whole."""
    assert Packing((2, 1), (0, 6)) == pack([8, 8], [Demand(2, 1), Demand(1, 8)])


def test_a_node_with_too_little_is_passed_over() -> None:
    assert Packing((2,), (3, 0, 1)) == pack([3, 4, 5], [Demand(2, 4)])


def test_no_node_holds_nothing() -> None:
    assert Packing((0,), ()) == pack([], [Demand(1, 1)])


@pytest.mark.parametrize("demand", [Demand(0, 8), Demand(3, 0)])
def test_what_takes_no_gpu_takes_no_node(demand: Demand) -> None:
    assert (8,) == pack([8], [demand]).free_gpus
    assert 0 == count_needed_nodes(8, [demand])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([Demand(1, 8)], 1),
        ([Demand(3, 4)], 2),
        ([Demand(2, 3)], 1),
        ([Demand(3, 3)], 2),
        ([Demand(2, 1), Demand(2, 5)], 2),
        ([Demand(1, 9)], None),
    ],
)
def test_nodes_are_counted(wanted: list[Demand], expected: int | None) -> None:
    assert expected == count_needed_nodes(8, wanted)


@given(free=nodes, wanted=st.lists(demands, max_size=4))
def test_what_is_placed_is_what_is_taken(free: list[int], wanted: list[Demand]) -> None:
    packing = pack(free, wanted)
    taken = sum(placed * demand.gpus for placed, demand in zip(packing.placed, wanted, strict=True))
    assert sum(free) - sum(packing.free_gpus) == taken
    assert all(0 <= left <= before for left, before in zip(packing.free_gpus, free, strict=True))
    assert all(placed <= demand.replicas for placed, demand in zip(packing.placed, wanted, strict=True))


@given(free=nodes, wanted=st.lists(demands, max_size=4))
def test_what_found_no_node_would_fit_none_that_is_left(free: list[int], wanted: list[Demand]) -> None:
    packing = pack(free, wanted)
    for placed, demand in zip(packing.placed, wanted, strict=True):
        if placed < demand.replicas and demand.gpus:
            assert max(packing.free_gpus, default=0) < demand.gpus


@given(free=nodes, demand=one_size)
def test_of_one_size_as_many_are_placed_as_can_be(free: list[int], demand: Demand) -> None:
    most = sum(node // demand.gpus for node in free)
    assert min(most, demand.replicas) == pack(free, [demand]).placed[0]


@given(wanted=st.lists(demands, max_size=3))
def test_so_many_empty_nodes_hold_all(wanted: list[Demand]) -> None:
    needed = count_needed_nodes(8, wanted)
    assert needed is not None
    placed = pack([8] * needed, wanted).placed
    assert [demand.replicas if demand.gpus else 0 for demand in wanted] == list(placed)


@given(wanted=st.lists(st.builds(Demand, replicas=st.integers(1, 2), gpus=st.sampled_from([1, 2, 4, 8])), max_size=2))
def test_no_fewer_nodes_would_do_for_sizes_that_divide_each_other(wanted: list[Demand]) -> None:
    """Brute force: every replica is tried on every node."""
    sizes = [demand.gpus for demand in wanted for _ in range(demand.replicas)]
    needed = count_needed_nodes(8, wanted) or 0

    def holds(count: int) -> bool:
        for places in product(range(count), repeat=len(sizes)):
            pairs = list(zip(sizes, places, strict=True))
            loads = [sum(size for size, place in pairs if place == node) for node in range(count)]
            if all(load <= 8 for load in loads):
                return True
        return not sizes

    assert holds(needed)
    assert needed == 0 or not holds(needed - 1)
