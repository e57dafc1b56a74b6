"""What the cache says of each resource, for the metrics. Pure; it is read every few seconds, so it parses little."""

from collections.abc import Iterable, Mapping, Sequence
from operator import is_
from typing import Any

from nemotron_operator.api.conditions import ConditionType
from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, component_of, deployment_of, key_of
from nemotron_operator.cluster.gpu_nodes import count_requested
from nemotron_operator.cluster.guard import Guard, unguarded
from nemotron_operator.cluster.kinds import ENDED_PHASES, NEMOTRON, POD
from nemotron_operator.cluster.observation import find_condition
from nemotron_operator.cluster.servers import find_server
from nemotron_operator.render.metadata import (
    SERVER_COMPONENT,
    WORKER_COMPONENT,
    read_group_size,
    read_pod_template,
    read_worker_template,
)
from nemotron_operator.render.pods import GROUP_KEY_LABEL
from nemotron_operator.runtime.fleet_metrics import ConditionReport, GpuCounts, ResourceReport

_TYPES = frozenset(kind.value for kind in ConditionType)
"""Types of the operator's own: what somebody else writes there is theirs to tell."""

_SERVING = frozenset({SERVER_COMPONENT, WORKER_COMPONENT})


class FleetReader:
    """Reports every resource. One of which nothing was reported anew is not read again: most stand still.

    Parameters
    ----------
    gpu_resources
        Names of the extended resources that count as GPUs.
    """

    def __init__(self, cache: ObjectCache, gpu_resources: Iterable[str]) -> None:
        self._cache = cache
        self._gpu_resources = tuple(gpu_resources)
        self._known: dict[Key, tuple[list[KubernetesObject], ResourceReport]] = {}

    def report_all(self, guard: Guard = unguarded) -> list[ResourceReport]:
        """Report every resource that there is now, but one that the guard found unreadable."""
        known, self._known = self._known, {}
        for body in self._cache.list_all(NEMOTRON):
            key = key_of(body)
            server, pods = find_server(self._cache, *key), self._cache.list_children(POD, *key)
            objects = [body, *pods] if server is None else [body, server, *pods]
            before = known.get(key)
            if before is not None and _are_same(before[0], objects):
                self._known[key] = before
                continue
            with guard(key):
                self._known[key] = (objects, _report(body, server, pods, self._gpu_resources))
        return [report for _, report in self._known.values()]


def _are_same(before: Sequence[KubernetesObject], now: Sequence[KubernetesObject]) -> bool:
    """Compare by identity: the cache never changes an object, it takes over another."""
    return len(before) == len(now) and all(map(is_, before, now))


def _report(
    body: KubernetesObject,
    server: KubernetesObject | None,
    pods: Iterable[KubernetesObject],
    gpu_resources: tuple[str, ...],
) -> ResourceReport:
    status = body.get("status") or {}
    plan = status.get("plan") or {}
    requested, ready = _count_gpus(pods, gpu_resources)
    return ResourceReport(
        namespace=body["metadata"]["namespace"],
        name=body["metadata"]["name"],
        model=plan.get("model") or _read_asked_model(body),
        accelerator=plan.get("accelerator") or "",
        conditions=tuple(
            ConditionReport(each["type"], each["status"], each["reason"])
            for each in status.get("conditions") or ()
            if each["type"] in _TYPES
        ),
        gpus=GpuCounts(
            desired=plan.get("gpus") or 0 if plan else _count_kept(body, server, gpu_resources),
            requested=requested,
            ready=ready,
        ),
    )


def _count_kept(body: KubernetesObject, server: KubernetesObject | None, gpu_resources: tuple[str, ...]) -> int:
    """Count what is to go on although the spec, as it is now, was refused: what was planned before is kept serving."""
    if server is None or deployment_of(server) != body["metadata"]["name"] or _wants_no_replica(body):
        return 0
    if "deletionTimestamp" in server["metadata"]:
        return 0
    led = read_worker_template(server)
    per_replica = _count_template(read_pod_template(server), gpu_resources)
    per_replica += (read_group_size(server) - 1) * _count_template(led, gpu_resources) if led else 0
    return int(server["spec"].get("replicas", 1)) * per_replica


def _count_template(template: Mapping[str, Any], gpu_resources: tuple[str, ...]) -> int:
    return sum(count_requested(dict(template), resource) for resource in gpu_resources)


def _wants_no_replica(body: KubernetesObject) -> bool:
    """Tell whether nothing is to serve; the spec may be one that cannot be parsed."""
    spec = body.get("spec") or {}
    return bool(spec.get("suspend")) or (not spec.get("autoscaling") and spec.get("replicas") == 0)


def _read_asked_model(body: KubernetesObject) -> str:
    """Read the name that the spec gives, whether it can be planned or not."""
    model: Mapping[str, Any] = (body.get("spec") or {}).get("model") or {}
    return str(model.get("name") or "")


def _count_gpus(pods: Iterable[KubernetesObject], gpu_resources: tuple[str, ...]) -> tuple[int, int]:
    """Count the GPUs that pods hold on their nodes, and those of them that serve.

    A pod holds them until it has ended, however long it takes to go. A pod that is led serves when its leader does.
    """
    holding = [pod for pod in pods if component_of(pod) in _SERVING and _is_holding(pod)]
    amounts = [sum(count_requested(pod, resource) for resource in gpu_resources) for pod in holding]
    serving_groups = {_group_of(pod) for pod in holding if component_of(pod) == SERVER_COMPONENT and _is_ready(pod)}
    ready = sum(
        amount
        for pod, amount in zip(holding, amounts, strict=True)
        if _is_ready(pod) and (component_of(pod) == SERVER_COMPONENT or _group_of(pod) in serving_groups)
    )
    return sum(amounts), ready


def _is_holding(pod: KubernetesObject) -> bool:
    is_over = (pod.get("status") or {}).get("phase") in ENDED_PHASES
    return bool((pod.get("spec") or {}).get("nodeName")) and not is_over


def _is_ready(pod: KubernetesObject) -> bool:
    is_leaving = "deletionTimestamp" in pod["metadata"]
    return not is_leaving and find_condition(pod.get("status") or {}, "Ready").get("status") == "True"


def _group_of(pod: KubernetesObject) -> str:
    group: str = (pod["metadata"].get("labels") or {}).get(GROUP_KEY_LABEL, "")
    return group
