"""What the cache says of each resource, for the metrics. Pure; it is read every few seconds, so it parses little."""

from collections.abc import Iterable, Mapping, Sequence
from operator import is_
from typing import Any

from nemotron_operator.api.conditions import ConditionType
from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, component_of
from nemotron_operator.cluster.gpu_nodes import count_requested
from nemotron_operator.cluster.kinds import ENDED_PHASES, NEMOTRON, POD
from nemotron_operator.cluster.observation import find_condition
from nemotron_operator.render.metadata import SERVER_COMPONENT, WORKER_COMPONENT
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

    def report_all(self) -> list[ResourceReport]:
        """Report every resource that there is now."""
        known, self._known = self._known, {}
        for body in self._cache.list_all(NEMOTRON):
            key = (body["metadata"]["namespace"], body["metadata"]["name"])
            objects = [body, *self._cache.list_children(POD, *key)]
            before = known.get(key)
            is_unchanged = before is not None and _are_same(before[0], objects)
            report = before[1] if before and is_unchanged else _report(objects[0], objects[1:], self._gpu_resources)
            self._known[key] = (objects, report)
        return [report for _, report in self._known.values()]


def _are_same(before: Sequence[KubernetesObject], now: Sequence[KubernetesObject]) -> bool:
    """Compare by identity: the cache never changes an object, it takes over another."""
    return len(before) == len(now) and all(map(is_, before, now))


def _report(body: KubernetesObject, pods: Iterable[KubernetesObject], gpu_resources: tuple[str, ...]) -> ResourceReport:
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
        gpus=GpuCounts(desired=plan.get("gpus") or 0, requested=requested, ready=ready),
    )


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
