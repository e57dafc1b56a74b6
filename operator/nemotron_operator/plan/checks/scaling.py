"""What a scaler cannot do without."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.request import PlanRequest


def prometheus_is_known(request: PlanRequest) -> Violation | None:
    """Refuse KEDA where nobody knows whom it should ask."""
    autoscaling = request.spec.autoscaling
    if autoscaling is None or autoscaling.by != "KEDA" or request.config.prometheus_url is not None:
        return None
    return Violation(
        Reason.PROMETHEUS_NOT_CONFIGURED,
        "spec.autoscaling.by: KEDA asks Prometheus, and the operator's configuration does not say where that is. Have "
        "the platform team set prometheusUrl, such as http://prometheus-operated.monitoring:9090, or use "
        "`by: HorizontalPodAutoscaler`.",
    )
