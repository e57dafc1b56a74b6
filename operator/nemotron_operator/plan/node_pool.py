"""Node pool: how many replicas find a node. First-fit decreasing; what is placed never spans nodes."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeGpus:
    """The GPUs of one node."""

    allocatable: int
    """What the node offers to pods."""
    requested: int
    """What pods on it request."""
    name: str = ""
    """Empty for a node that nobody has seen."""

    @property
    def free(self) -> int:
        """Count what no pod requests."""
        return max(0, self.allocatable - self.requested)


@dataclass(frozen=True, slots=True)
class Demand:
    """Replicas that each need so many GPUs of one node."""

    replicas: int
    gpus: int
    """GPUs of one replica."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Which replicas found a node."""

    placed: tuple[int, ...]
    """Replicas that found one, in the order of the demands."""
    free_gpus: tuple[int, ...]
    """What is left on each node, in the order of the nodes."""


def pack(free_gpus: Sequence[int], demands: Sequence[Demand]) -> Packing:
    """Place the largest replicas first, each on the first node that has room.

    Parameters
    ----------
    free_gpus
        Free GPUs of each node.
    """
    left, placed = list(free_gpus), [0] * len(demands)
    for place in _order(demands):
        demand = demands[place]
        for node, free in enumerate(left):
            taken = min(demand.replicas - placed[place], free // demand.gpus) if demand.gpus else 0
            placed[place] += taken
            left[node] -= taken * demand.gpus
    return Packing(tuple(placed), tuple(left))


def count_needed_nodes(gpus_per_node: int, demands: Sequence[Demand]) -> int | None:
    """Count the empty nodes that hold all replicas; None when one replica is larger than a node."""
    nodes: list[int] = []
    for place in _order(demands):
        demand = demands[place]
        if demand.gpus > gpus_per_node:
            return None
        for _ in range(demand.replicas):
            found = next((node for node, free in enumerate(nodes) if free >= demand.gpus), None)
            if found is None:
                nodes.append(gpus_per_node - demand.gpus)
            else:
                nodes[found] -= demand.gpus
    return len(nodes)


def _order(demands: Sequence[Demand]) -> list[int]:
    """Order by size, the largest first; those without a replica or a GPU are left out."""
    wanted = [place for place, demand in enumerate(demands) if demand.replicas and demand.gpus]
    return sorted(wanted, key=lambda place: -demands[place].gpus)
