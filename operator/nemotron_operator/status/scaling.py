"""Tell whether the scaler is there and sees its numbers."""

from nemotron_operator.api.conditions import ConditionType, Finding, Reason
from nemotron_operator.plan.needed_apis import explain_forbidden
from nemotron_operator.plan.scaling_plan import ScalingPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.held_gpus import tell_held, tell_lost
from nemotron_operator.status.judgement import Decision, Judged, no, unknown, yes
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_servers import ObservedScaler

_KIND = ConditionType.AUTOSCALED

_KINDS = {"HorizontalPodAutoscaler": "HorizontalPodAutoscaler", "KEDA": "ScaledObject"}


def find_scaled(decision: Decision, observation: Observation) -> tuple[Judged, ...]:
    """Find how the scaler fares; nothing where none is asked for."""
    if not isinstance(decision, ServingPlan) or decision.scaling is None:
        return ()
    kind = _KINDS[decision.scaling.by]
    if kind in decision.missing_apis:
        return (_judge_missing(decision),)
    scaler = observation.find_scaler(kind)
    if scaler is None:
        message = "Nothing is scaled before there are pods, which come when the model is cached."
        return (Judged(unknown(_KIND, Reason.WAITING, message)),)
    return (Judged(_judge_scaler(decision, decision.scaling, scaler, observation)),)


def tell_zero(plan: ServingPlan, observation: Observation) -> str:
    """Tell that a scaler took the last replica away, and when there is one again."""
    return (
        f"KEDA took the last replica away, since nobody asks, {tell_held(observation)}. When "
        "spec.autoscaling.activation says that somebody does, the first one is started, which takes about "
        f"{plan.startup.estimate_seconds} s.{tell_lost(observation)}"
    )


def _judge_missing(plan: ServingPlan) -> Judged:
    """Explain that nothing scales: the replicas stay as they are."""
    message = (
        f"spec.autoscaling.by: KEDA, and this cluster does not know its ScaledObject (keda.sh/v1alpha1). Install KEDA, "
        f"or set `by: HorizontalPodAutoscaler`; until then nothing scales, and {_count(plan.replicas)} stay."
    )
    refusal = plan.forbidden_apis.get(_KINDS["KEDA"])
    if refusal is not None:
        message = (
            f"spec.autoscaling.by: KEDA. {explain_forbidden(_KINDS['KEDA'], refusal)} Until it may, or "
            f"`by: HorizontalPodAutoscaler` is set, it makes and changes none; one that is there goes on scaling."
        )
    return Judged(no(_KIND, Reason.API_NOT_INSTALLED, message), needs_human=True)


def _judge_scaler(plan: ServingPlan, scaling: ScalingPlan, scaler: ObservedScaler, observation: Observation) -> Finding:
    identity, trouble = plan.identity, scaler.trouble
    who = f"{scaler.kind} {identity.name!r}"
    if trouble is None:
        return (
            _judge_healthy(plan, scaling, scaler, observation)
            if scaler.has_looked
            else _wait(f"{who} has just been made.")
        )
    if trouble.lacks_metrics and observation.ready_pods == 0 and plan.replicas > 0:
        return _wait(f"{who} waits for its metrics: an engine reports none before it serves.")
    resource = "horizontalpodautoscaler" if scaling.by == "HorizontalPodAutoscaler" else "scaledobject"
    look = f"`kubectl -n {identity.namespace} describe {resource} {identity.name}` shows more."
    if not trouble.lacks_metrics:
        return no(_KIND, Reason.NOT_SCALING, f"{who} does not scale. {trouble.words} {look}")
    return no(
        _KIND,
        Reason.METRICS_NOT_FOUND,
        f"{who} does not get its metrics, so {_count(plan.replicas)} stay. {trouble.words} "
        f"{_explain_way(plan, scaling)} {look}",
    )


def _judge_healthy(
    plan: ServingPlan, scaling: ScalingPlan, scaler: ObservedScaler, observation: Observation
) -> Finding:
    name = f"{scaler.kind} {plan.identity.name!r}"
    if plan.is_scaled_to_zero:
        return yes(_KIND, Reason.SCALED_TO_ZERO, tell_zero(plan, observation))
    most = " It would take more than maxReplicas." if scaler.is_at_most else ""
    message = (
        f"{name} decides: {_count(plan.replicas)} of {scaling.min_replicas} to {scaling.max_replicas}, by "
        f"{scaling.waiting_requests} waiting requests and {scaling.kv_cache_usage_percent} % of the KV cache for each."
        f"{most} spec.replicas ({scaling.spec_replicas}) is not used."
    )
    return yes(_KIND, Reason.SCALING, message)


def _explain_way(plan: ServingPlan, scaling: ScalingPlan) -> str:
    """Name the way that a metric goes from the engine to the scaler, to look where it ends."""
    if scaling.by == "KEDA":
        return (
            f"Ask {scaling.prometheus_url} for `vllm:num_requests_waiting{{namespace={plan.identity.namespace!r}}}`: "
            "it has to know the engines' namespace and pod, as a PodMonitor tells them."
        )
    return (
        "Ask for them with `kubectl get --raw "
        f"'/apis/custom.metrics.k8s.io/v1beta2/namespaces/{plan.identity.namespace}/pods/*/"
        f"{scaling.waiting_requests_metric}'`: an adapter for Prometheus has to offer that."
    )


def _wait(message: str) -> Finding:
    return unknown(_KIND, Reason.WAITING, message)


def _count(replicas: int) -> str:
    return "1 replica" if replicas == 1 else f"{replicas} replicas"
