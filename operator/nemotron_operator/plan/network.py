"""Plan the network around a model."""

from nemotron_operator.plan.network_plan import NetworkPlan
from nemotron_operator.plan.request import PlanRequest


def plan_network(request: PlanRequest) -> NetworkPlan:
    """Plan what is around the Service."""
    del request
    return NetworkPlan()
