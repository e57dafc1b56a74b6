"""Placing replicas on nodes: first-fit decreasing; the pods of one replica never share a node."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """Replicas that each need so many GPUs on so many nodes."""

    replicas: int
    gpus: int
    """GPUs of one pod."""
    pods: int = 1
    """Pods of one replica: each is on another node, as the rendered podAntiAffinity requires."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Which replicas found their nodes."""

    placed: tuple[int, ...]
    """Whole replicas that found them, in the order of the demands."""
    free_gpus: tuple[int, ...]
    """What is left on each node, in the order of the nodes; a replica that is not whole takes nothing."""


def pack(free_gpus: Sequence[int], demands: Sequence[Demand]) -> Packing:
    """Place the largest pods first, each on the first node that has room and no other pod of its replica.

    Parameters
    ----------
    free_gpus
        Free GPUs of each node.
    """
    left, placed = list(free_gpus), [0] * len(demands)
    for place in _order(demands):
        demand = demands[place]
        placed[place] = _count_held(left, demand)
        waiting = placed[place] * demand.pods
        for node, free in enumerate(left):
            # No node takes more pods than there are replicas, so that they can be dealt out one to a replica.
            taken = min(placed[place], free // demand.gpus, waiting)
            waiting -= taken
            left[node] -= taken * demand.gpus
    return Packing(tuple(placed), tuple(left))


def count_needed_nodes(gpus_per_node: int, demand: Demand) -> int | None:
    """Count the empty nodes that hold all replicas; None when one pod is larger than a node."""
    if not demand.replicas or not demand.gpus:
        return 0
    if demand.gpus > gpus_per_node:
        return None
    pods_on_a_node = min(demand.replicas, gpus_per_node // demand.gpus)
    return -(-demand.replicas * demand.pods // pods_on_a_node)


def _count_held(free_gpus: Sequence[int], demand: Demand) -> int:
    """Count the most whole replicas that the nodes hold, each node one pod of a replica at most."""
    rooms = [free // demand.gpus for free in free_gpus]

    def holds(replicas: int) -> bool:
        return sum(min(replicas, room) for room in rooms) >= replicas * demand.pods

    most = min(demand.replicas, sum(rooms) // demand.pods)
    return next(replicas for replicas in range(most, -1, -1) if holds(replicas))


def _order(demands: Sequence[Demand]) -> list[int]:
    """Order by size, the largest first; those without a replica or a GPU are left out."""
    wanted = [place for place, demand in enumerate(demands) if demand.replicas and demand.gpus]
    return sorted(wanted, key=lambda place: (-demands[place].gpus, -demands[place].pods))
