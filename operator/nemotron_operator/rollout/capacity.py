"""Where one more replica finds its GPUs, and whether it would on those of an old one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.rollout.facts import LivePod


def count_gpus(template: Mapping[str, Any], resource: str) -> int:
    """Count the GPUs of a replica: a kept template may take others than the plan of now."""
    limits = (container.get("resources", {}).get("limits") or {} for container in template["spec"]["containers"])
    return sum(int(parse_quantity(str(limit.get(resource) or "0"))) for limit in limits)


def find_room(nodes: Sequence[NodeGpus], gpus: int) -> NodeGpus | None:
    """Find the node with the fewest free GPUs that are enough; None where no node has them."""
    enough = [node for node in nodes if node.free >= gpus]
    return min(enough, key=lambda node: node.free, default=None)


def is_freed_by_one(nodes: Iterable[NodeGpus], pods: Sequence[LivePod], gpus: int) -> bool:
    """Tell whether a new replica finds its GPUs once one old one has stopped, with those that are leaving already."""
    return any(node.free + _count_freed(node.name, pods) >= gpus for node in nodes)


def describe_room(gpus: int, accelerator: str, nodes: Sequence[NodeGpus]) -> str:
    """Tell whether one more replica finds a node, with the numbers."""
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


def _count_freed(node: str, pods: Iterable[LivePod]) -> int:
    here = [pod for pod in pods if pod.node == node]
    leaving = sum(pod.gpus for pod in here if pod.is_leaving)
    return leaving + max((pod.gpus for pod in here if not pod.is_leaving), default=0)
