"""What is free in a cluster: GPUs of its nodes, less what the pods on them request. It reads and never writes."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.connection import connect
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import POD, ApiKind
from nemotron_operator.config import AcceleratorProfile
from nemotron_operator.constants import DEPLOYMENT_LABEL
from nemotron_operator.errors import ClusterError, OperatorError
from nemotron_operator.plan.node_pool import NodeGpus

NODE = ApiKind("", "v1", "nodes", "Node")

HTTP_FORBIDDEN = 403

_TERMINAL_PHASES = {"Succeeded", "Failed"}
"""Pods that request nothing any more."""


def read_cluster_pools(
    profiles: Mapping[str, AcceleratorProfile],
    own: frozenset[tuple[str, str]],
    kubeconfig: Path | None = None,
    context: str | None = None,
) -> dict[str, list[NodeGpus]]:
    """Read the nodes of each accelerator profile, with what is requested on them.

    Parameters
    ----------
    own
        Namespace and name of the planned deployments, whose pods the plan counts itself.

    Raises
    ------
    OperatorError
        The cluster cannot be asked, or refuses; the message names the way out.
    """
    # The client library logs what it raises; a person gets it once.
    logging.getLogger().addHandler(logging.NullHandler())
    nodes, pods = asyncio.run(_read(kubeconfig, context))
    return {name: count_node_gpus(nodes, pods, profile, own) for name, profile in profiles.items()}


def count_node_gpus(
    nodes: Iterable[KubernetesObject],
    pods: Iterable[KubernetesObject],
    profile: AcceleratorProfile,
    own: frozenset[tuple[str, str]] = frozenset(),
) -> list[NodeGpus]:
    """Count the GPUs of the profile's nodes that are ready and take pods."""
    requested: defaultdict[str, int] = defaultdict(int)
    for pod in pods:
        if _is_counted(pod, own):
            requested[pod["spec"]["nodeName"]] += _count_requested(pod, profile.resource_name)
    return [
        NodeGpus(_read_amount(_read_allocatable(node), profile.resource_name), requested[node["metadata"]["name"]])
        for node in nodes
        if _is_usable(node) and _is_of_profile(node, profile)
    ]


async def _read(kubeconfig: Path | None, context: str | None) -> tuple[list[KubernetesObject], list[KubernetesObject]]:
    gateway = ClusterGateway(await connect(kubeconfig, context))
    try:
        return (await gateway.list_all(NODE))[0], (await gateway.list_all(POD))[0]
    except ClusterError as error:
        raise _explain(error) from error
    finally:
        await gateway.close()


def _explain(error: ClusterError) -> OperatorError:
    if error.status_code != HTTP_FORBIDDEN:
        return error
    return OperatorError(
        "--cluster: your credentials may not list nodes and the pods of all namespaces. Check with `kubectl auth can-i "
        "list nodes` and `kubectl auth can-i list pods --all-namespaces`, or give --nodes N instead."
    )


def _is_usable(node: KubernetesObject) -> bool:
    """Leave out nodes that are cordoned, and those that are not ready."""
    conditions = (node.get("status") or {}).get("conditions") or []
    is_ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
    return is_ready and not (node.get("spec") or {}).get("unschedulable")


def _is_of_profile(node: KubernetesObject, profile: AcceleratorProfile) -> bool:
    labels = node["metadata"].get("labels") or {}
    return all(labels.get(label) in values for label, values in profile.node_labels.items())


def _is_counted(pod: KubernetesObject, own: frozenset[tuple[str, str]]) -> bool:
    """Tell whether a pod holds GPUs of a node, and for somebody else."""
    metadata = pod["metadata"]
    deployment = (metadata.get("labels") or {}).get(DEPLOYMENT_LABEL)
    is_own = (metadata.get("namespace"), deployment) in own
    is_over = (pod.get("status") or {}).get("phase") in _TERMINAL_PHASES
    return bool((pod.get("spec") or {}).get("nodeName")) and not is_own and not is_over


def _count_requested(pod: KubernetesObject, resource: str) -> int:
    """Count as the scheduler does: all containers together, or the largest init container."""
    spec = pod["spec"]
    running = sum(_count_container(container, resource) for container in spec.get("containers") or [])
    starting = (_count_container(container, resource) for container in spec.get("initContainers") or [])
    return max(running, *starting, 0)


def _count_container(container: Mapping[str, Any], resource: str) -> int:
    """Read a request; for an extended resource, a limit alone is one."""
    resources = container.get("resources") or {}
    return _read_amount({**(resources.get("limits") or {}), **(resources.get("requests") or {})}, resource)


def _read_allocatable(node: KubernetesObject) -> Mapping[str, Any]:
    return (node.get("status") or {}).get("allocatable") or {}


def _read_amount(amounts: Mapping[str, Any], resource: str) -> int:
    return int(parse_quantity(str(amounts.get(resource) or "0")))
