"""Where one more replica finds its GPUs."""

from collections.abc import Sequence

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.serving_plan import ServingPlan


def find_room(nodes: Sequence[NodeGpus], gpus: int) -> NodeGpus | None:
    """Find the node with the fewest free GPUs that are enough; None where no node has them."""
    enough = [node for node in nodes if node.free >= gpus]
    return min(enough, key=lambda node: node.free, default=None)


def describe_room(plan: ServingPlan, nodes: Sequence[NodeGpus]) -> str:
    """Tell whether one more replica finds a node, with the numbers."""
    gpus, accelerator = plan.pod.gpus, plan.accelerator
    room = find_room(nodes, gpus)
    if room is not None:
        return f"Node {room.name} has {room.free} {accelerator} free, and one more replica needs {gpus}."
    return f"One more replica {describe_need(gpus, accelerator, nodes)}."


def describe_need(gpus: int, accelerator: str, nodes: Sequence[NodeGpus]) -> str:
    """Tell what is missing: `needs 8 free H100-80GB on one node; the best node, h100-0, has 6`."""
    best = max(nodes, key=lambda node: node.free, default=None)
    if best is None:
        return f"needs {gpus} free {accelerator} on one node, and no node that is ready and fits has that accelerator"
    return f"needs {gpus} free {accelerator} on one node; the best node, {best.name}, has {best.free}"
