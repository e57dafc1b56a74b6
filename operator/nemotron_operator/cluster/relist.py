"""List everything anew: before anything is decided, and again whenever a watch may have missed a report."""

from collections.abc import Collection, Sequence

from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, deployment_of
from nemotron_operator.cluster.claim_users import list_claim_users
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CHILD_KINDS, CLAIM, NEMOTRON, OPTIONAL_KINDS, ApiKind
from nemotron_operator.constants import FIELD_MANAGER, MANAGED_BY_LABEL

CHILD_SELECTOR = f"{MANAGED_BY_LABEL}={FIELD_MANAGER}"
"""Selects what the operator made; the watches select the same."""


async def relist(
    gateway: ClusterGateway,
    cache: ObjectCache,
    namespaces: Sequence[str] = (),
    served_kinds: Collection[ApiKind] = (),
) -> set[Key]:
    """Bring the cache to what the API server holds; return the resources that something changed for.

    Parameters
    ----------
    served_kinds
        The optional kinds that the API server knows.
    """
    affected: set[Key] = set()
    for kind in OPTIONAL_KINDS:
        if kind not in served_kinds:
            for ghost in cache.forget(kind):
                affected |= affected_keys(kind, ghost, cache)
    for kind in (NEMOTRON, *CHILD_KINDS, *served_kinds):
        affected |= await relist_kind(kind, gateway, cache, namespaces)
    return affected


async def relist_kind(
    kind: ApiKind, gateway: ClusterGateway, cache: ObjectCache, namespaces: Sequence[str] = ()
) -> set[Key]:
    """Do so for the objects of one kind."""
    affected: set[Key] = set()
    selector = "" if kind is NEMOTRON else CHILD_SELECTOR
    for namespace in namespaces or (None,):
        listed, version = await gateway.list_all(kind, namespace, selector)
        for changed in cache.replace_all(kind, listed, version, namespace):
            affected |= affected_keys(kind, changed, cache)
    return affected


def affected_keys(kind: ApiKind, changed: KubernetesObject, cache: ObjectCache) -> set[Key]:
    """Tell which resources have to look again when an object changed.

    A volume is shared: every resource of its namespace that names it, or does not yet tell which it names.
    """
    namespace = changed["metadata"].get("namespace", "")
    if kind is NEMOTRON:
        return {(namespace, changed["metadata"]["name"])}
    if kind is CLAIM:
        return list_claim_users(changed, cache)
    owner = deployment_of(changed)
    return {(namespace, owner)} if owner else set()
