"""Render what is around the Service."""

from typing import Any

from nemotron_operator.plan.serving_plan import ServingPlan


def render_network_policy(plan: ServingPlan) -> dict[str, Any] | None:
    """Render who may connect; None where the namespace decides."""
    del plan
    return None


def render_certificate(plan: ServingPlan) -> dict[str, Any] | None:
    """Render the certificate that cert-manager is asked for; None where a Secret holds it."""
    del plan
    return None


def render_route(plan: ServingPlan) -> dict[str, Any] | None:
    """Render the way from the Gateways; None where none is asked for."""
    del plan
    return None


def render_inference_pool(plan: ServingPlan) -> dict[str, Any] | None:
    """Render the pool over the replicas; None where none is asked for."""
    del plan
    return None
