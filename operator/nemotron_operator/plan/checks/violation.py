"""A violation: one thing that cannot work."""

from collections.abc import Callable
from dataclasses import dataclass

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import Sizing


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that cannot work, with the way out in its message."""

    reason: Reason
    message: str


Check = Callable[[PlanRequest], Violation | None]
"""A check looks at the whole request and refuses at most one thing."""

SizedCheck = Callable[[PlanRequest, Sizing], Violation | None]
"""A check that also needs to know which parallelism and context were chosen."""
