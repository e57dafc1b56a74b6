"""Over how many nodes a replica is spread, and what of it each of them has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.spec import ParallelismSpec
from nemotron_operator.plan.facts import Facts
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.node_count import count_largest_tensor, count_nodes
from tests.support.fixtures.deployments import BF16, a_deployment
from tests.support.fixtures.plans import plan

SHARED = a_deployment().with_model(BF16).having("cache.accessModes", ["ReadWriteMany"])


@pytest.mark.parametrize(
    ("tensor", "pipeline", "nodes", "expected"),
    [
        (8, 1, None, 1),
        (4, 2, None, 1),
        (8, 2, None, 2),
        (4, 6, None, 3),
        (8, 3, None, 3),
        (2, 2, 2, 2),
        (3, 4, None, 2),
    ],
)
def test_the_fewest_nodes_that_have_the_gpus_are_taken(
    tensor: int, pipeline: int, nodes: int | None, expected: int
) -> None:
    asked = ParallelismSpec(tensor=tensor, pipeline=pipeline, nodes=nodes)
    assert expected == count_nodes(asked, Parallelism(tensor, pipeline), 8)


@given(st.integers(1, 8), st.integers(1, 64))
def test_each_node_has_whole_stages_and_no_more_than_its_gpus(tensor: int, pipeline: int) -> None:
    nodes = count_nodes(ParallelismSpec(pipeline=pipeline), Parallelism(tensor, pipeline), 8)
    assert 0 == pipeline % nodes
    assert tensor * pipeline // nodes <= 8


@given(st.integers(1, 64))
def test_what_is_left_to_the_plan_fits_the_nodes(pipeline: int) -> None:
    largest = count_largest_tensor(ParallelismSpec(pipeline=pipeline), 8)
    assert largest >= 1
    assert largest * pipeline // count_nodes(ParallelismSpec(), Parallelism(largest, pipeline), 8) <= 8


def test_a_replica_over_two_nodes_is_planned_with_what_each_of_them_takes() -> None:
    planned = plan(SHARED.with_tensor(8).with_pipeline(2).with_replicas(3))
    assert (2, 8, 16, 48) == (planned.nodes, planned.pod.gpus, planned.gpus_per_replica, planned.gpus)
    assert plan(SHARED.with_tensor(8)).pod.memory == planned.pod.memory


def test_without_a_word_on_the_nodes_a_pipeline_stays_on_one_as_long_as_it_can() -> None:
    assert (1, 1) == (plan(SHARED.with_pipeline(2)).nodes, plan(SHARED.with_pipeline(8)).nodes)
    assert 2 == plan(SHARED.with_pipeline(16)).nodes
    assert 2 == plan(SHARED.with_pipeline(2).having("parallelism.nodes", 2)).nodes


def test_the_api_of_groups_is_no_matter_where_one_node_holds_a_replica() -> None:
    facts = Facts(missing_apis=frozenset({"LeaderWorkerSet", "HTTPRoute"}))
    planned = plan(SHARED.with_tensor(4).with_pipeline(2), facts)
    assert (1, frozenset({"HTTPRoute"})) == (planned.nodes, planned.missing_apis)
