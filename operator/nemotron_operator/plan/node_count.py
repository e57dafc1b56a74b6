"""Over how many nodes one replica is spread: whole pipeline stages on each, the same number."""

from nemotron_operator.api.spec import ParallelismSpec
from nemotron_operator.plan.memory.parallelism import Parallelism


def count_nodes(asked: ParallelismSpec, parallelism: Parallelism, gpus_per_node: int) -> int:
    """Take the number of nodes that is asked for, else the fewest that have the GPUs.

    Notes
    -----
    Where no number of nodes has them, each stage is on a node of its own, and a check refuses what is too large.
    """
    return asked.nodes or next(
        (nodes for nodes in list_divisors(parallelism.pipeline) if parallelism.gpus // nodes <= gpus_per_node),
        parallelism.pipeline,
    )


def count_largest_tensor(asked: ParallelismSpec, gpus_per_node: int) -> int:
    """Count the GPUs of a node that the tensor-parallel group of one stage may take.

    Without a word on the nodes, stages are on one node as long as it has a GPU for each of them.
    """
    pipeline = asked.pipeline or 1
    stages_per_node = pipeline // count_nodes(asked, Parallelism(1, pipeline), gpus_per_node)
    return gpus_per_node // max(1, stages_per_node)


def list_divisors(pipeline: int) -> list[int]:
    """List the numbers of nodes among which stages can be divided evenly."""
    return [nodes for nodes in range(1, pipeline + 1) if pipeline % nodes == 0]
