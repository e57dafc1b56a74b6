"""What is free of the GPUs of a cluster: those of its nodes, less what the pods on them request. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nemotron_operator.api.pod_template import TolerationSpec
from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import ENDED_PHASES
from nemotron_operator.config import Toleration
from nemotron_operator.constants import DEPLOYMENT_LABEL
from nemotron_operator.plan.node_pool import NodeGpus

_KEEPING_OFF = {"NoSchedule", "NoExecute"}
"""Effects of taints that keep pods off; `PreferNoSchedule` does not."""


@dataclass(frozen=True, slots=True)
class GpuDemand:
    """Which nodes a pod may run on, and which resource it takes there."""

    resource: str
    labels: Mapping[str, Sequence[str]]
    """Node labels and the values that match, all of which a node must have."""
    tolerations: Sequence[Toleration | TolerationSpec] = ()


def count_node_gpus(
    nodes: Iterable[KubernetesObject],
    pods: Iterable[KubernetesObject],
    demand: GpuDemand,
    own: frozenset[tuple[str, str]] = frozenset(),
) -> list[NodeGpus]:
    """Count the GPUs of the nodes that are ready and take such pods.

    Parameters
    ----------
    own
        Namespace and name of deployments whose pods count as gone.
    """
    resource = demand.resource
    requested: defaultdict[str, int] = defaultdict(int)
    for pod in pods:
        if _is_counted(pod, own):
            requested[pod["spec"]["nodeName"]] += count_requested(pod, resource)
    return [
        NodeGpus(
            _read_amount(_read_allocatable(node), resource),
            requested[node["metadata"]["name"]],
            node["metadata"]["name"],
        )
        for node in nodes
        if _is_usable(node) and _has_labels(node, demand.labels) and _is_tolerated(node, demand.tolerations)
    ]


def count_requested(pod: KubernetesObject, resource: str) -> int:
    """Count as the scheduler does: what runs at a time, with the sidecars that were started before it.

    Source: k8s.io/component-helpers/resource, PodRequests.
    """
    spec = pod.get("spec") or {}
    sidecars, most = 0, 0
    for container in spec.get("initContainers") or []:
        amount = _count_container(container, resource)
        most = max(most, sidecars + amount)
        sidecars += amount if container.get("restartPolicy") == "Always" else 0
    return max(most, sidecars + sum(_count_container(each, resource) for each in spec.get("containers") or []))


def trim_node(node: KubernetesObject) -> KubernetesObject:
    """Keep what counts of a node: a list of its images alone would be most of it."""
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    return {
        "metadata": {"name": metadata["name"], "labels": metadata.get("labels") or {}},
        "spec": {key: spec[key] for key in ("taints", "unschedulable") if key in spec},
        "status": {
            "allocatable": _keep_extended(status.get("allocatable")),
            "conditions": [each for each in status.get("conditions") or [] if each.get("type") == "Ready"],
        },
    }


def trim_pod(pod: KubernetesObject) -> KubernetesObject | None:
    """Keep what counts of a pod; None where it requests nothing that could be a GPU."""
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    trimmed = {field: list(_trim_containers(spec.get(field))) for field in ("containers", "initContainers")}
    if not any(trimmed.values()) or not spec.get("nodeName"):
        return None
    labels = metadata.get("labels") or {}
    return {
        "metadata": {
            "namespace": metadata.get("namespace"),
            "labels": {DEPLOYMENT_LABEL: labels[DEPLOYMENT_LABEL]} if DEPLOYMENT_LABEL in labels else {},
        },
        "spec": {"nodeName": spec["nodeName"], **trimmed},
        "status": {"phase": (pod.get("status") or {}).get("phase")},
    }


def _trim_containers(containers: Iterable[KubernetesObject] | None) -> Iterator[KubernetesObject]:
    for container in containers or ():
        resources = container.get("resources") or {}
        kept = {kind: _keep_extended(resources.get(kind)) for kind in ("limits", "requests")}
        if any(kept.values()):
            yield {"resources": kept, **{key: container[key] for key in ("restartPolicy",) if key in container}}


def _keep_extended(amounts: Mapping[str, Any] | None) -> dict[str, Any]:
    """Keep the resources that devices give: Kubernetes' own have no domain."""
    return {name: amount for name, amount in (amounts or {}).items() if "/" in name}


def _is_usable(node: KubernetesObject) -> bool:
    """Leave out nodes that are cordoned, and those that are not ready."""
    conditions = (node.get("status") or {}).get("conditions") or []
    is_ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
    return is_ready and not (node.get("spec") or {}).get("unschedulable")


def _has_labels(node: KubernetesObject, wanted: Mapping[str, Sequence[str]]) -> bool:
    labels = node["metadata"].get("labels") or {}
    return all(labels.get(label) in values for label, values in wanted.items())


def _is_tolerated(node: KubernetesObject, tolerations: Sequence[Toleration | TolerationSpec]) -> bool:
    taints = (node.get("spec") or {}).get("taints") or []
    return all(
        any(_tolerates(toleration, taint) for toleration in tolerations)
        for taint in taints
        if taint.get("effect") in _KEEPING_OFF
    )


def _tolerates(toleration: Toleration | TolerationSpec, taint: Mapping[str, Any]) -> bool:
    """Compare as the scheduler does (k8s.io/api/core/v1, Toleration.ToleratesTaint)."""
    if toleration.effect and toleration.effect != taint.get("effect"):
        return False
    if toleration.key and toleration.key != taint.get("key"):
        return False
    return toleration.operator == "Exists" or (toleration.value or "") == (taint.get("value") or "")


def _is_counted(pod: KubernetesObject, own: frozenset[tuple[str, str]]) -> bool:
    """Tell whether a pod holds GPUs of a node, and for somebody else."""
    metadata = pod["metadata"]
    deployment = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL)
    is_own = (metadata.get("namespace"), deployment) in own
    is_over = (pod.get("status") or {}).get("phase") in ENDED_PHASES
    return bool((pod.get("spec") or {}).get("nodeName")) and not is_own and not is_over


def _count_container(container: Mapping[str, Any], resource: str) -> int:
    """Read a request; for an extended resource, a limit alone is one."""
    resources = container.get("resources") or {}
    return _read_amount({**(resources.get("limits") or {}), **(resources.get("requests") or {})}, resource)


def _read_allocatable(node: KubernetesObject) -> Mapping[str, Any]:
    return (node.get("status") or {}).get("allocatable") or {}


def _read_amount(amounts: Mapping[str, Any], resource: str) -> int:
    return int(parse_quantity(str(amounts.get(resource) or "0")))
