"""Explain why the weights were not verified before a start."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.observed_pods import ContainerTrouble

DAMAGE_REASONS = frozenset({"Damaged", "Absent"})
"""Reasons of the program after which the model is not on the volume any more."""


def explain_start_check(pod_name: str, trouble: ContainerTrouble) -> tuple[Reason, str] | None:
    """Give reason and message; None for what is no failure of that program's own."""
    failure = trouble.check_failure
    if failure is None:
        return None
    if failure.reason in DAMAGE_REASONS:
        message = f"Pod {pod_name} verifies the weights first, and starts no engine: {failure.message}"
        return Reason.DAMAGED, message
    if not trouble.is_in_loop:
        return None
    return Reason.CRASH_LOOP, f"Pod {pod_name} cannot verify the weights before it starts: {failure.message}"
