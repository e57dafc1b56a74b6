"""What is decided about one LoRA adapter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdapterPlan:
    """One adapter: where it is, or how it gets there."""

    name: str
    """Under which clients ask for it."""
