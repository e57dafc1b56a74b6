"""Where one more replica finds its GPUs, and whether it would on those of an old one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.rollout.facts import LivePod


def count_gpus(template: Mapping[str, Any], resource: str) -> int:
    """Count the GPUs of a pod: a kept template may take others than the plan of now."""
    limits = (container.get("resources", {}).get("limits") or {} for container in template["spec"]["containers"])
    return sum(int(parse_quantity(str(limit.get(resource) or "0"))) for limit in limits)


def find_room(nodes: Sequence[NodeGpus], gpus: int, group_size: int = 1) -> tuple[NodeGpus, ...]:
    """Find nodes for the pods of a replica, each on its own: those with the fewest free GPUs; none where too few."""
    enough = sorted((node for node in nodes if node.free >= gpus), key=lambda node: node.free)
    return tuple(enough[:group_size]) if len(enough) >= group_size else ()


def is_freed_by_one(nodes: Iterable[NodeGpus], pods: Sequence[LivePod], gpus: int, group_size: int = 1) -> bool:
    """Tell whether a new replica finds its GPUs once one old one has stopped, with those that are leaving already."""
    known = tuple(nodes)
    return any(
        sum(node.free + freed.get(node.name, 0) >= gpus for node in known) >= group_size for freed in _list_freed(pods)
    )


def describe_room(gpus: int, accelerator: str, nodes: Sequence[NodeGpus], group_size: int = 1) -> str:
    """Tell whether one more replica finds its nodes, with the numbers."""
    room = find_room(nodes, gpus, group_size)
    if not room:
        return f"One more replica {describe_need(gpus, accelerator, nodes, group_size)}."
    free = " and ".join(f"{node.name} has {node.free}" for node in room)
    each = "" if group_size == 1 else f" on each of {group_size} nodes"
    return f"Node {free} {accelerator} free, and one more replica needs {gpus}{each}."


def describe_need(gpus: int, accelerator: str, nodes: Sequence[NodeGpus], group_size: int = 1, found: int = 0) -> str:
    """Tell what is missing: `needs 8 free H100-80GB on one node; the best node, h100-0, has 6`."""
    wanted = describe_wanted(gpus, accelerator, group_size, found)
    best = max(nodes, key=lambda node: node.free, default=None)
    if best is None:
        return f"{wanted}, and no node that is ready and fits has that accelerator"
    if best.free >= gpus:
        return f"{wanted}; of the nodes, only {', '.join(node.name for node in nodes if node.free >= gpus)} has so many"
    return f"{wanted}; the best node, {best.name}, has {best.free}"


def describe_wanted(gpus: int, accelerator: str, group_size: int = 1, found: int = 0) -> str:
    """Tell what a replica needs: `needs 2 nodes with 8 free H100-80GB each`.

    Parameters
    ----------
    found
        How many of its pods have a node already.
    """
    if group_size == 1:
        return f"needs {gpus} free {accelerator} on one node"
    beside = f", and has {found} of them" if found else ""
    return f"needs {group_size} nodes with {gpus} free {accelerator} each{beside}"


def _list_freed(pods: Sequence[LivePod]) -> Iterator[Mapping[str, int]]:
    """List what each node gets back where one replica stops, for each of them, and where none does."""
    leaving = _sum_gpus(pod for pod in pods if pod.is_leaving)
    staying = [pod for pod in pods if not pod.is_leaving]
    yield leaving
    for place, pod in enumerate(staying):
        replica = [pod] if not pod.group else [each for each in staying[place:] if each.group == pod.group]
        freed = _sum_gpus(replica)
        yield {node: leaving.get(node, 0) + freed.get(node, 0) for node in {*leaving, *freed}}


def _sum_gpus(pods: Iterable[LivePod]) -> dict[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for pod in pods:
        sums[pod.node] += pod.gpus
    return dict(sums)
