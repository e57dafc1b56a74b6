"""What is free in a cluster: GPUs of its nodes, less what the pods on them request. It reads and never writes."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from nemotron_operator.cluster.connection import connect
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.gpu_nodes import GpuDemand, count_node_gpus
from nemotron_operator.cluster.platform import GpuPool, read_gpu_pool
from nemotron_operator.config import AcceleratorProfile
from nemotron_operator.errors import HTTP_FORBIDDEN, ClusterError, OperatorError
from nemotron_operator.plan.node_pool import NodeGpus


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
    return {name: count_node_gpus(nodes, pods, _demand(profile), own) for name, profile in profiles.items()}


async def _read(kubeconfig: Path | None, context: str | None) -> GpuPool:
    gateway = ClusterGateway(await connect(kubeconfig, context))
    try:
        return await read_gpu_pool(gateway)
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


def _demand(profile: AcceleratorProfile) -> GpuDemand:
    return GpuDemand(profile.resource_name, profile.node_labels, profile.tolerations)
