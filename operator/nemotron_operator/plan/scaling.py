"""Plan the scaler: what the spec asks for, and how patient it has to be with engines that load for minutes."""

from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.scaling_plan import ScalingPlan


def plan_scaling(request: PlanRequest) -> ScalingPlan | None:
    """Plan who decides about the replicas; None where the spec's number counts."""
    del request
    return None
