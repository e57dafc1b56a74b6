"""Live objects to what is known of the scaling: how many replicas there shall be, and how the scaler fares. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment
from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache
from nemotron_operator.cluster.kinds import AUTOSCALER, SCALED_OBJECT, ApiKind
from nemotron_operator.cluster.observation import find_condition
from nemotron_operator.status.observed_servers import ObservedScaler, ScalerTrouble

LONGEST_WORDS = 500
"""Characters of what a scaler says that are repeated."""

_AT_ZERO = "ScalingDisabled"
"""What a HorizontalPodAutoscaler says of a target at zero, which it leaves alone."""

_WITHOUT_METRICS = frozenset({"TriggerError", "PartialTriggerError"})
"""What KEDA says where Prometheus does not answer, or knows nothing."""


def read_live_replicas(server: KubernetesObject | None) -> int | None:
    """Read how many replicas there shall be, whoever said so; None where nothing serves, or will not for long."""
    if server is None or "deletionTimestamp" in server["metadata"]:
        return None
    return int(server["spec"].get("replicas", 1))


def list_scaling_objects(deployment: ParsedDeployment, served_kinds: Collection[ApiKind]) -> list[tuple[ApiKind, str]]:
    """List kind and name of the scaler that a resource needs, as far as the API server knows it."""
    wanted = deployment.spec.autoscaling
    if wanted is None or deployment.spec.suspend:
        return []
    kind = SCALED_OBJECT if wanted.by == "KEDA" else AUTOSCALER
    return [(kind, deployment.identity.name)] if kind is AUTOSCALER or kind in served_kinds else []


def observe_scalers(identity: Identity, cache: ObjectCache) -> tuple[ObservedScaler, ...]:
    """Read how the scalers of a resource fare: two while one takes the other's place."""
    return tuple(_observe(identity, cache))


def _observe(identity: Identity, cache: ObjectCache) -> Iterator[ObservedScaler]:
    autoscaler = cache.get(AUTOSCALER, identity.namespace, identity.name)
    if autoscaler is not None:
        yield observe_autoscaler(autoscaler)
    scaled_object = cache.get(SCALED_OBJECT, identity.namespace, identity.name)
    if scaled_object is not None:
        yield observe_scaled_object(scaled_object)


def observe_autoscaler(live: KubernetesObject) -> ObservedScaler:
    """Read how a HorizontalPodAutoscaler fares."""
    status = live.get("status") or {}
    able, active = find_condition(status, "AbleToScale"), find_condition(status, "ScalingActive")
    trouble = None
    if able.get("status") == "False":
        trouble = _read_trouble(able, lacks_metrics=False)
    elif active.get("status") == "False" and active.get("reason") != _AT_ZERO:
        trouble = _read_trouble(active, lacks_metrics=_is_of_metric(active))
    return ObservedScaler(
        kind=AUTOSCALER.name,
        has_looked=bool(able or active),
        is_at_most=find_condition(status, "ScalingLimited").get("reason") == "TooManyReplicas",
        trouble=trouble,
    )


def observe_scaled_object(live: KubernetesObject) -> ObservedScaler:
    """Read how a ScaledObject fares: by KEDA's own look at Prometheus, and by that of the HorizontalPodAutoscaler."""
    status = live.get("status") or {}
    ready, paused = find_condition(status, "Ready"), find_condition(status, "Paused")
    scales = find_condition(status, "HPAActive")
    lacks_metrics = ready.get("reason") in _WITHOUT_METRICS
    trouble = None
    if paused.get("status") == "True":
        trouble = _read_trouble(paused, lacks_metrics=False)
    elif ready.get("status") == "False" or lacks_metrics:
        trouble = _read_trouble(ready, lacks_metrics=lacks_metrics)
    elif scales.get("status") == "False":
        trouble = _read_trouble(scales, lacks_metrics=_is_of_metric(scales))
    return ObservedScaler(
        kind=SCALED_OBJECT.name,
        has_looked=ready.get("status") in {"True", "False"} or lacks_metrics,
        is_at_most=False,
        trouble=trouble,
    )


def _is_of_metric(condition: Mapping[str, Any]) -> bool:
    reason = str(condition.get("reason", ""))
    return reason.startswith("FailedGet") and "Metric" in reason


def _read_trouble(condition: Mapping[str, Any], *, lacks_metrics: bool) -> ScalerTrouble:
    words = " ".join(f"{condition.get('reason', '')}: {condition.get('message', '')}".split()).strip(": .")
    return ScalerTrouble(f"{words[:LONGEST_WORDS]}.", lacks_metrics)
