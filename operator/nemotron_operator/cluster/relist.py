"""List everything anew: before anything is decided, and again whenever a watch may have missed a report."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache, deployment_of
from nemotron_operator.cluster.claim_users import list_claim_users
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CHILD_KINDS, CLAIM, NEMOTRON, OPTIONAL_KINDS, ApiKind
from nemotron_operator.constants import FIELD_MANAGER, MANAGED_BY_LABEL
from nemotron_operator.errors import HTTP_FORBIDDEN, HTTP_NOT_FOUND, ClusterError

CHILD_SELECTOR = f"{MANAGED_BY_LABEL}={FIELD_MANAGER}"
"""Selects what the operator made; the watches select the same."""

Scope = Sequence[str | None]
"""Namespaces that are read; None means all of them at once."""

EVERYWHERE: Scope = (None,)
"""All namespaces."""

NOT_USABLE = frozenset({HTTP_FORBIDDEN, HTTP_NOT_FOUND})
"""HTTP statuses that say that a kind cannot be listed, and would say it again: no permission, gone meanwhile."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A list that the API server does not give any more; what was known of it still counts."""

    kind: ApiKind
    namespace: str | None
    error: ClusterError


@dataclass(frozen=True, slots=True)
class Relisted:
    """What listing anew brought."""

    affected: set[Key]
    """The resources that something changed for."""
    refusals: tuple[Refusal, ...] = ()


async def relist(
    gateway: ClusterGateway,
    cache: ObjectCache,
    scope: Scope = EVERYWHERE,
    served_kinds: Collection[ApiKind] = (),
) -> Relisted:
    """Bring the cache to what the API server holds.

    A permission that is missing in one namespace, or an optional kind that is not there or may not be listed, keeps
    nothing else from being listed.

    Parameters
    ----------
    served_kinds
        The optional kinds that the API server knows.
    """
    affected: set[Key] = set()
    refusals: list[Refusal] = []
    for kind in OPTIONAL_KINDS:
        if kind not in served_kinds:
            for ghost in cache.forget(kind):
                affected |= affected_keys(kind, ghost, cache)
    for namespace in scope:
        for kind in (NEMOTRON, *CHILD_KINDS, *served_kinds):
            try:
                affected |= await relist_kind(kind, gateway, cache, namespace)
            except ClusterError as error:
                if not _can_do_without(kind, namespace, error):
                    raise
                refusals.append(Refusal(kind, namespace, error))
                if kind is NEMOTRON:
                    break  # nothing in this namespace is to be served
    return Relisted(affected, tuple(refusals))


async def relist_kind(
    kind: ApiKind, gateway: ClusterGateway, cache: ObjectCache, namespace: str | None = None
) -> set[Key]:
    """Do so for the objects of one kind, in one namespace or in all; return the resources that something changed for.

    Raises
    ------
    ClusterError
        They cannot be listed.
    """
    affected: set[Key] = set()
    listed, version = await gateway.list_all(kind, namespace, select(kind))
    for changed in cache.replace_all(kind, listed, version, namespace):
        affected |= affected_keys(kind, changed, cache)
    return affected


def _can_do_without(kind: ApiKind, namespace: str | None, error: ClusterError) -> bool:
    if kind in OPTIONAL_KINDS:
        return error.status_code in NOT_USABLE
    return error.status_code == HTTP_FORBIDDEN and namespace is not None


def select(kind: ApiKind) -> str:
    """Give the label selector of what is read of a kind."""
    return "" if kind is NEMOTRON else CHILD_SELECTOR


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
