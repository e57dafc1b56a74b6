"""Plan the scaler: what the spec asks for, and how patient it has to be with engines that load for minutes."""

from nemotron_operator.api.autoscaling import ActivationSpec, AutoscalingSpec
from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.scaling_plan import ActivationPlan, ScalingPlan
from nemotron_operator.plan.serving_plan import StartupPlan

SHORTEST_SCALE_DOWN_DELAY_SECONDS = 300
"""What the load has to be low for where nobody says, in seconds: what Kubernetes itself waits."""

LONGEST_DELAY_SECONDS = 3600
"""The longest window that a HorizontalPodAutoscaler takes."""

FIRST_ANSWER_SECONDS = 600
"""What the first replica is given beside its start, in seconds: for the question that it is asked, and asked again."""


def plan_scaling(request: PlanRequest, startup: StartupPlan) -> ScalingPlan | None:
    """Plan who decides about the replicas; None where the spec's number counts, and while nothing is to serve."""
    wanted, config = request.spec.autoscaling, request.config
    if wanted is None or request.spec.suspend:
        return None
    return ScalingPlan(
        by=wanted.by,
        min_replicas=wanted.min_replicas,
        max_replicas=wanted.max_replicas,
        waiting_requests=wanted.waiting_requests,
        kv_cache_usage_percent=wanted.kv_cache_usage_percent,
        waiting_requests_metric=config.waiting_requests_metric,
        kv_cache_usage_metric=config.kv_cache_usage_metric,
        prometheus_url=config.prometheus_url if wanted.by == "KEDA" else None,
        scale_down_delay_seconds=_choose_delay(wanted, startup),
        start_seconds=startup.estimate_seconds,
        start_budget_seconds=startup.budget_seconds,
        first_answer_seconds=startup.progress_deadline_seconds + FIRST_ANSWER_SECONDS,
        activation=_plan_activation(wanted.activation),
        spec_replicas=request.spec.replicas,
        has_target=request.facts.live_replicas is not None,
        leaves_replicas=_find_left_replicas(request) is not None,
    )


def plan_replicas(request: PlanRequest) -> int:
    """Decide how many replicas are wanted now: the spec's, or what the scaler came to.

    The first are started here: a HorizontalPodAutoscaler leaves alone what stands at zero, and KEDA would wait for
    somebody to ask, so that a new model would never have been tried.
    """
    spec = request.spec
    if spec.suspend:
        return 0
    if spec.autoscaling is None:
        return spec.replicas
    left = _find_left_replicas(request)
    return max(1, spec.autoscaling.min_replicas) if left is None else left


def count_most_replicas(spec: NemotronDeploymentSpec) -> int:
    """Count the replicas that a spec may come to."""
    if spec.suspend:
        return 0
    return spec.replicas if spec.autoscaling is None else spec.autoscaling.max_replicas


def _find_left_replicas(request: PlanRequest) -> int | None:
    """Find the number that is the scaler's to change; None where it is for the operator to set."""
    live, wanted = request.facts.live_replicas, request.spec.autoscaling
    if live is None or wanted is None:
        return None
    # Without the permission for it, a ScaledObject that is there goes on scaling.
    is_missing = "ScaledObject" in request.facts.missing_apis - request.facts.forbidden_apis.keys()
    may_be_zero = wanted.min_replicas == 0 and not is_missing
    return live if live > 0 or may_be_zero else None


def _choose_delay(wanted: AutoscalingSpec, startup: StartupPlan) -> int:
    if wanted.scale_down_delay_seconds is not None:
        return wanted.scale_down_delay_seconds
    return min(LONGEST_DELAY_SECONDS, max(SHORTEST_SCALE_DOWN_DELAY_SECONDS, startup.estimate_seconds))


def _plan_activation(wanted: ActivationSpec | None) -> ActivationPlan | None:
    return None if wanted is None else ActivationPlan(wanted.query, wanted.threshold or "0")
