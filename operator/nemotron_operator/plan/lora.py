"""Plan how the engine holds LoRA adapters."""

from nemotron_operator.plan.adapter_plan import LoraPlan
from nemotron_operator.plan.request import PlanRequest


def plan_lora(request: PlanRequest) -> LoraPlan | None:
    """Plan how the engine holds adapters; None where it needs to hold none.

    Notes
    -----
    With live loading it is ready for the first adapter before there is one.
    """
    lora = request.spec.engine.lora
    is_live = lora.loading == "Live"
    if not request.spec.model.adapters and not is_live:
        return None
    return LoraPlan(lora.max_rank, lora.max_loaded, is_live)
