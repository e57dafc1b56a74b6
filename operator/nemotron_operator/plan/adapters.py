"""Plan the LoRA adapters: where each is, or which Job fetches it."""

from nemotron_operator.plan.adapter_plan import AdapterPlan
from nemotron_operator.plan.request import PlanRequest


def plan_adapters(request: PlanRequest) -> tuple[AdapterPlan, ...]:
    """Plan the adapters in the order in which the spec names them."""
    del request
    return ()
