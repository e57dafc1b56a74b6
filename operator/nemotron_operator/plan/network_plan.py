"""What is around the Service of a model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Which objects of the network are made, and how clients connect."""
