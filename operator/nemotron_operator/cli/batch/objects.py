"""Making and taking away the objects of a batch, as the person whose credentials these are."""

import asyncio
import time
from typing import Any

from nemotron_operator.cli.cluster_access import explained
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CLAIM, ENDED_PHASES, POD, ApiKind
from nemotron_operator.constants import COMPONENT_LABEL, MANAGED_BY_LABEL
from nemotron_operator.errors import ConflictError, OperatorError

POLL_SECONDS = 0.5
"""How often it is looked whether something is gone."""

GONE_SECONDS = 120
"""How long something may take to go: a pod ends first."""


async def find(gateway: ClusterGateway, kind: ApiKind, namespace: str, name: str) -> KubernetesObject | None:
    """Find an object of the batch; one that is going, and a pod that has ended, count as none once they are gone.

    Raises
    ------
    OperatorError
        It is somebody else's, or does not go.
    """
    with explained("get", kind, namespace):
        live = await gateway.get(kind, namespace, name)
    if live is None:
        return None
    if (live["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) != "nemoctl":
        raise OperatorError(f"The {kind.name} {name!r} in namespace {namespace!r} is none of nemoctl's: rename it.")
    if "deletionTimestamp" not in live["metadata"]:
        if kind is not POD or (live.get("status") or {}).get("phase") not in ENDED_PHASES:
            return live
        with explained("delete", kind, namespace):
            await gateway.delete(kind, live)
    await _wait_until_gone(gateway, kind, live)
    return None


async def find_or_make(gateway: ClusterGateway, kind: ApiKind, manifest: dict[str, Any]) -> KubernetesObject:
    """Find an object of the batch, or make it."""
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    live = await find(gateway, kind, namespace, name)
    if live is not None:
        return live
    try:
        with explained("create", kind, namespace):
            return await gateway.create(kind, manifest)
    except ConflictError as error:
        raise OperatorError(f"Another nemoctl makes the {kind.name} {name!r} just now: {error}.") from error


async def list_others(gateway: ClusterGateway, namespace: str, resource: str, but: str) -> list[str]:
    """List the other batches of a resource by their volumes, which go when their answers are fetched.

    One whose volume is going is over.
    """
    selector = f"{MANAGED_BY_LABEL}=nemoctl,{COMPONENT_LABEL}=batch"
    with explained("list", CLAIM, namespace):
        volumes, _ = await gateway.list_all(CLAIM, namespace, selector)
    names = (volume["metadata"]["name"] for volume in volumes if "deletionTimestamp" not in volume["metadata"])
    return sorted(name for name in names if name.rpartition("-batch-")[0] == resource and name != but)


async def take_away(  # noqa: PLR0913 - what, where, and how
    gateway: ClusterGateway, kind: ApiKind, namespace: str, name: str, *, waits: bool = True, uid: str | None = None
) -> None:
    """Delete an object if it is there, and wait until it is gone.

    Parameters
    ----------
    uid
        Of the only object that is meant; None means whatever has the name.
    """
    with explained("get", kind, namespace):
        live = await gateway.get(kind, namespace, name)
    if live is None or uid not in {None, live["metadata"]["uid"]}:
        return
    if "deletionTimestamp" not in live["metadata"]:
        with explained("delete", kind, namespace):
            await gateway.delete(kind, live)
    if waits:
        await _wait_until_gone(gateway, kind, live)


async def _wait_until_gone(gateway: ClusterGateway, kind: ApiKind, live: KubernetesObject) -> None:
    namespace, name = live["metadata"]["namespace"], live["metadata"]["name"]
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        with explained("get", kind, namespace):
            now = await gateway.get(kind, namespace, name)
        if now is None or now["metadata"]["uid"] != live["metadata"]["uid"]:
            return
        await asyncio.sleep(POLL_SECONDS)
    raise OperatorError(
        f"The {kind.name} {name!r} in namespace {namespace!r} is being deleted, and is still there after "
        f"{GONE_SECONDS} s. `kubectl describe {kind.plural} {name} -n {namespace}` says why."
    )
