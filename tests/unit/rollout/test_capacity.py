import pytest

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.rollout.capacity import count_gpus, describe_need, describe_room, find_room, is_freed_by_one
from nemotron_operator.rollout.facts import LivePod
from tests.unit.rollout.world import a_template

NODES = [NodeGpus(8, 2, "a"), NodeGpus(8, 0, "b"), NodeGpus(8, 4, "c")]


@pytest.mark.parametrize(("gpus", "expected"), [(2, "c"), (5, "a"), (7, "b"), (9, None)])
def test_the_fullest_node_with_room_is_found(gpus: int, expected: str | None) -> None:
    room = find_room(NODES, gpus)
    assert expected == (room[0].name if room else None)


def test_what_is_missing_is_told_with_the_best_node() -> None:
    assert "needs 9 free H100-80GB on one node; the best node, b, has 8" == describe_need(9, "H100-80GB", NODES)
    expected = "needs 9 free H100-80GB on one node, and no node that is ready and fits has that accelerator"
    assert expected == describe_need(9, "H100-80GB", [])
    assert f"One more replica {expected}." == describe_room(9, "H100-80GB", [])


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([LivePod("c", 4)], True),
        ([LivePod("c", 2), LivePod("c", 2)], False),
        ([LivePod("c", 2, is_leaving=True), LivePod("c", 2)], True),
        ([LivePod("elsewhere", 8)], False),
        ([], False),
    ],
    ids=["enough", "one of two is not", "one leaves anyway", "on a node that does not count", "none"],
)
def test_stopping_one_replica_frees_what_it_holds(pods: list[LivePod], *, expected: bool) -> None:
    assert expected == is_freed_by_one([NODES[2]], pods, 8)


def test_the_gpus_of_a_template_are_those_of_its_containers() -> None:
    assert (8, 0) == (count_gpus(a_template(), "nvidia.com/gpu"), count_gpus(a_template(), "nvidia.com/mig-3g.40gb"))
