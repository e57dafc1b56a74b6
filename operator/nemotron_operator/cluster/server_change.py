"""One kind serves: what made the pods until now goes before an object of another kind is made, and not for nothing."""

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import KINDS_BY_NAME, ApiKind
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.cluster.servers import list_servers
from nemotron_operator.errors import ConflictError, NameTakenError
from nemotron_operator.render.manifests import Manifests


async def find_replaced_servers(
    manifests: Manifests, identity: Identity, view: ClusterView
) -> list[tuple[ApiKind, KubernetesObject]]:
    """Find what makes the pods until now, where another kind of object does from now on.

    The GPUs are scarce, so it goes first. It stays where the other one cannot be made: the API server is asked before
    anything is changed, which asks its webhooks, quotas and permissions too.

    Raises
    ------
    NameTakenError
        Somebody else has the name of the other one.
    ClusterError
        It is refused, or nobody can tell now.
    """
    manifest = manifests.server
    if manifest is None:
        return []
    wanted = KINDS_BY_NAME[manifest["kind"]]
    servers = list_servers(view.cache, identity.namespace, identity.name)
    others = [(kind, live) for kind, live in servers if kind is not wanted and not _is_going(live)]
    replaced = [(kind, live) for kind, live in others if find_foreign(live, identity) is None]
    same = next((live for kind, live in servers if kind is wanted), None)
    if same is not None and _is_going(same):
        return []  # its name is taken until it is gone, which is reported
    if replaced and same is None:
        await _ask_for_creation(wanted, manifest, identity, view)
    return replaced


async def _ask_for_creation(kind: ApiKind, manifest: KubernetesObject, identity: Identity, view: ClusterView) -> None:
    """Ask whether an object could be made; one of ours that lost its label may be there already."""
    try:
        await view.gateway.create(kind, manifest, is_dry_run=True)
    except ConflictError:
        live = await view.gateway.get(kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        if live is None:
            raise
        foreign = find_foreign(live, identity)
        if foreign is not None:
            raise NameTakenError(
                f"{foreign.kind} {foreign.name!r} exists and belongs to {foreign.owner}. It was not touched, and what "
                f"serves was not stopped. Rename this resource, or move the {foreign.kind} away."
            ) from None


def _is_going(live: KubernetesObject) -> bool:
    return "deletionTimestamp" in live["metadata"]
