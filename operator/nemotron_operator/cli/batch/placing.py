"""Placing the volume of a batch: beside weights that one node may have, before any file goes to it."""

import asyncio
import time

from nemotron_operator.cli.batch.following import describe_waiting
from nemotron_operator.cli.batch.holding import Say, held
from nemotron_operator.cli.batch.manifests import Batch, render_placer
from nemotron_operator.cli.cluster_access import ClusterTarget, explained
from nemotron_operator.cli.tables import format_seconds
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CLAIM, POD, ApiKind
from nemotron_operator.errors import OperatorError

POLL_SECONDS = 0.5
"""How often claim and pod are looked at."""


def place(batch: Batch, volume: KubernetesObject, target: ClusterTarget, timeout_seconds: int, say: Say) -> Batch:
    """Have the volume made where the engine can have it, and give the batch as it is to be carried to.

    Raises
    ------
    OperatorError
        It cannot be made there, or not in time; the message says why.
    """
    if is_bound(volume):  # by an earlier run, or by a class that waits for no pod
        return batch.once_placed()
    weights = batch.unplaced_weights
    if weights is None:
        return batch

    async def wait(gateway: ClusterGateway, pod: KubernetesObject) -> None:
        await _wait_until_placed(gateway, pod, batch, timeout_seconds, say)

    with held(batch, render_placer(batch, weights), target, wait, say):
        return batch.once_placed()


def is_bound(claim: KubernetesObject) -> bool:
    """Tell whether a claim has its volume."""
    return (claim.get("status") or {}).get("phase") == "Bound"


async def _wait_until_placed(
    gateway: ClusterGateway, pod: KubernetesObject, batch: Batch, timeout_seconds: int, say: Say
) -> None:
    """Wait until the claim is bound: it is before the pod has a node, or runs."""
    name = pod["metadata"]["name"]
    deadline, told, waits_for = time.monotonic() + timeout_seconds, "", ""
    while time.monotonic() < deadline:
        claim = await _get(gateway, CLAIM, batch.namespace, batch.name)
        live = await _get(gateway, POD, batch.namespace, name)
        if is_bound(claim):
            return
        waits_for = describe_waiting(live)
        if waits_for != told:
            say(f"The pod {name!r} waits: {waits_for}")
            told = waits_for
        await asyncio.sleep(POLL_SECONDS)
    raise OperatorError(
        f"The volume {batch.name!r} is not placed beside the weights after {format_seconds(timeout_seconds)}: "
        f"{waits_for} `kubectl get events -n {batch.namespace}` says more; --timeout waits longer."
    )


async def _get(gateway: ClusterGateway, kind: ApiKind, namespace: str, name: str) -> KubernetesObject:
    with explained("get", kind, namespace):
        live = await gateway.get(kind, namespace, name)
    if live is None:
        raise OperatorError(
            f"Somebody deleted the {kind.name} {name!r} in namespace {namespace!r}. Run the same command again."
        )
    return live
