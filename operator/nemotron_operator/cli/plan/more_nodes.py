"""What a model needs that no node of an accelerator holds."""

from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import size_replica

_MOST_NODES = 4
"""Nodes up to which a model that one node does not hold is tried."""


def describe_need_of_nodes(request: PlanRequest, tensor: int) -> str:
    """Say that one node does not hold the model, and how many GPUs in pipeline stages would."""
    limit, layers = request.known_entry.context.max_model_len, len(request.architecture.blocks)
    for stages in range(2, min(_MOST_NODES, layers) + 1):
        parallelism = Parallelism(tensor, stages)
        if size_replica(request, parallelism, limit).fits:
            size = f"tensor {tensor}, pipeline {stages}"
            return f"needs more than one node: {parallelism.gpus} GPUs hold the full context ({size})"
    return f"needs more than {_MOST_NODES} nodes"
