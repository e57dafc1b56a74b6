"""Render what scales: a HorizontalPodAutoscaler or a ScaledObject of KEDA."""

from typing import Any

from nemotron_operator.constants import MANAGED_BY_LABEL
from nemotron_operator.plan.names import name_groups
from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.plan.scaling_plan import ScalingPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.child import render_child
from nemotron_operator.render.metadata import SERVER_COMPONENT
from nemotron_operator.render.serving_kind import serves_by_groups

POLLING_SECONDS = 15
"""How often KEDA asks, in seconds: as often as Prometheus mostly looks at an engine."""

MEAN_OVER = "2m"
"""Over how long KEDA averages: an engine takes minutes to start, so a burst that is over before is no reason for one.
Prometheus has to have looked at least once in it, which it may do once a minute."""

NEVER_REACHED = "1000000000"
"""Target of what only says that somebody asks: however much, it is a reason for the first replica and for no second."""

LONGEST_PERIOD_SECONDS = 1800
"""The longest period of a policy that a HorizontalPodAutoscaler takes."""

STEP_DOWN_SECONDS = 60
"""One replica goes in so many seconds, so that those that stay show what they can bear before the next."""

REPLICAS_AT_ONCE = 2
"""So many replicas may always be added at once."""


def render_scaler(plan: ServingPlan, rollout: RolloutPlan | None = None) -> dict[str, Any] | None:
    """Render the scaler; None where the spec's number of replicas counts, and before there is something to scale.

    One that stands stays while the next model is fetched: what serves meanwhile goes on being scaled.

    Parameters
    ----------
    rollout
        Which pods shall serve; None before all files are there.
    """
    is_group, scaling = serves_by_groups(plan, rollout), plan.scaling
    if scaling is None or not (plan.has_all_files or scaling.has_target):
        return None
    if scaling.by == "HorizontalPodAutoscaler":
        return _render_autoscaler(plan, scaling, is_group=is_group)
    if "ScaledObject" in plan.missing_apis:
        return None
    return _render_scaled_object(plan, scaling, is_group=is_group)


def _render_autoscaler(plan: ServingPlan, scaling: ScalingPlan, *, is_group: bool) -> dict[str, Any]:
    return render_child(
        "autoscaler",
        plan,
        SERVER_COMPONENT,
        target=_refer_to_server(plan.identity.name, is_group=is_group),
        waiting_requests=_write_count(scaling.waiting_requests),
        kv_cache_usage=_write_share(scaling.kv_cache_usage_percent),
        behavior=_render_behavior(scaling),
    )


def _render_scaled_object(plan: ServingPlan, scaling: ScalingPlan, *, is_group: bool) -> dict[str, Any]:
    return render_child(
        "scaled_object",
        plan,
        SERVER_COMPONENT,
        target=_refer_to_server(plan.identity.name, is_group=is_group),
        excluded_labels=MANAGED_BY_LABEL,
        polling_seconds=POLLING_SECONDS,
        behavior=_render_behavior(scaling),
        triggers=_render_triggers(plan, scaling, _match_pods(plan.identity.name, is_group=is_group)),
    )


def _refer_to_server(name: str, *, is_group: bool) -> dict[str, str]:
    """Refer to what makes the pods that serve."""
    if is_group:
        return {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": name_groups(name)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}


def _write_count(count: int) -> str:
    """Write a number as the quantity to which the API server keeps it."""
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)


def _write_share(percent: int) -> str:
    """Write a percentage as the quantity to which the API server keeps a share."""
    return "1" if percent == 100 else f"{percent * 10}m"  # noqa: PLR2004 - per cent


def _render_behavior(scaling: ScalingPlan) -> dict[str, Any]:
    """Render how fast it goes up and down.

    Requests go on queueing while a new engine loads. Whoever looks at that queue alone adds more and more, so there is
    one step for each time that an engine takes to start: two replicas, or as many as there are.
    """
    delay, step = scaling.scale_down_delay_seconds, min(scaling.start_seconds, LONGEST_PERIOD_SECONDS)
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Pods", "value": REPLICAS_AT_ONCE, "periodSeconds": step},
                {"type": "Percent", "value": 100, "periodSeconds": step},
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": delay,
            "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": min(STEP_DOWN_SECONDS, max(1, delay))}],
        },
    }


def _render_triggers(plan: ServingPlan, scaling: ScalingPlan, pods: str) -> list[dict[str, Any]]:
    """Render whom KEDA asks for what.

    What Prometheus does not know is an error, upon which the replicas stay as they are. Only where none may run it
    counts as nothing: an engine that is not there tells nothing.

    Parameters
    ----------
    pods
        Pattern of the names of those that serve.
    """
    ignores_null = "true" if scaling.min_replicas == 0 else "false"
    shares = f"{scaling.kv_cache_usage_percent / 100:g}"
    triggers = [
        ("waiting-requests", _write_query(plan, pods, "vllm:num_requests_waiting"), str(scaling.waiting_requests), "0"),
        ("kv-cache-usage", _write_query(plan, pods, "vllm:kv_cache_usage_perc"), shares, "0"),
    ]
    if scaling.activation is not None:
        triggers.append(("activation", scaling.activation.query, NEVER_REACHED, scaling.activation.threshold))
    return [
        {
            "type": "prometheus",
            "name": name,
            "metricType": "AverageValue",
            "metadata": {
                "serverAddress": scaling.prometheus_url,
                "query": query,
                "threshold": threshold,
                "activationThreshold": activation,
                "ignoreNullValues": ignores_null if name != "activation" else "false",
            },
        }
        for name, query, threshold, activation in triggers
    ]


def _write_query(plan: ServingPlan, pods: str, metric: str) -> str:
    """Sum a metric of all engines of one resource: KEDA divides it by the number of replicas."""
    labels = f'namespace="{plan.identity.namespace}",pod=~"{pods}"'
    return f"sum(avg_over_time({metric}{{{labels}}}[{MEAN_OVER}]))"


def _match_pods(name: str, *, is_group: bool) -> str:
    """Match the names of the pods, and of no other resource whose name begins with the same letters.

    A Deployment's pods end in a hash and five characters, which for a long name are written in one; the leader of a
    group, which is the only one that serves, in a number.
    """
    return f"{name_groups(name)}-[0-9]+" if is_group else f"{name}-[a-z0-9]+(-[a-z0-9]{{5}})?"
