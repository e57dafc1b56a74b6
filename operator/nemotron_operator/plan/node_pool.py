"""Node pool: the GPUs of nodes, as they were seen or told."""

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
