"""Which of the optional kinds can be used: what brings them to a cluster may come and go at any time."""

import logging
from collections import defaultdict
from dataclasses import replace

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import NAMED_KINDS, OPTIONAL_KINDS, ApiKind
from nemotron_operator.cluster.platform import Platform
from nemotron_operator.cluster.relist import NOT_USABLE, Refusal, relist_kind
from nemotron_operator.cluster.served_namespaces import ServedNamespaces
from nemotron_operator.errors import HTTP_FORBIDDEN, ClusterError

_log = logging.getLogger(__name__)

Refusals = dict[ApiKind, ClusterError]
"""Kinds that the API server knows and that cannot be listed, with its answer."""


class KindDiscovery:
    """Keeps what the platform is known to serve up to date.

    Notes
    -----
    A kind counts as there once its objects are listed: whoever decides after that knows them. It counts as gone when
    two looks in a row miss it: one API server of several may be behind the others for a moment. So does a permission
    that was taken away. Of a kind that is only named nothing is listed: it is there as soon as it is found.
    """

    def __init__(
        self,
        gateway: ClusterGateway,
        cache: ObjectCache,
        platform: Platform,
        namespaces: ServedNamespaces | None = None,
    ) -> None:
        self._gateway = gateway
        self._cache = cache
        self._platform = platform
        self._namespaces = namespaces or ServedNamespaces(gateway, cache)
        self._missed: frozenset[ApiKind] = frozenset()
        self._refused: Refusals = {}
        self._doubted: set[ApiKind] = set()

    async def look(self) -> bool:
        """Look which optional kinds there are; tell whether that changed.

        Raises
        ------
        ClusterError
            The API server does not answer; what was known before still counts.
        """
        platform = self._platform
        known, found = platform.known_kinds, await find_served_kinds(self._gateway)
        doubted = frozenset(self._doubted)
        refused = await self._try(known & found & doubted)
        usable = await self._list_new(found - known, refused)
        gone = ((known - found) & self._missed).union(refused)
        self._missed = known - found
        self._doubted -= doubted
        for kind in gone:
            self._cache.forget(kind)
        there = (known - gone) | usable
        platform.served_kinds = there.intersection(OPTIONAL_KINDS)
        platform.named_kinds = there.intersection(NAMED_KINDS)
        platform.forbidden_kinds = {
            kind: str(error) for kind, error in self._refused.items() if error.status_code == HTTP_FORBIDDEN
        }
        return there != known

    def doubt(self, refusal: Refusal) -> None:
        """Take notice that a kind could not be listed that could be so far."""
        if refusal.kind in OPTIONAL_KINDS:
            self._doubted.add(refusal.kind)

    async def _try(self, doubted: frozenset[ApiKind]) -> Refusals:
        """Return those of the kinds in doubt that still cannot be listed."""
        refused: Refusals = {}
        for kind in doubted:
            try:
                for namespace in self._namespaces.scope:
                    await self._gateway.try_list(kind, namespace)
            except ClusterError as error:
                if error.status_code not in NOT_USABLE:
                    raise
                refused[kind] = error
                _log.warning("%s cannot be used any more: %s", kind.name, error)
        return refused

    async def _list_new(self, kinds: frozenset[ApiKind], lost: Refusals) -> frozenset[ApiKind]:
        """List the objects of kinds that are new; return those that can be listed. Of what was lost all is said."""
        refused = dict(lost)
        for kind in kinds.intersection(OPTIONAL_KINDS):
            try:
                for namespace in self._namespaces.scope:
                    await relist_kind(kind, self._gateway, self._cache, namespace)
            except ClusterError as error:
                if error.status_code not in NOT_USABLE:
                    raise
                refused[kind] = error
                if kind not in self._refused:
                    _log.warning("%s cannot be used: %s", kind.name, error)
        self._refused = refused
        return kinds.difference(refused)


async def find_served_kinds(gateway: ClusterGateway) -> frozenset[ApiKind]:
    """Ask the API server which optional kinds it serves, and which of those that are only named.

    Raises
    ------
    ClusterError
        It does not answer.
    """
    groups = await gateway.list_group_versions()
    wanted: dict[str, list[ApiKind]] = defaultdict(list)
    for kind in OPTIONAL_KINDS:
        if kind.api_version in groups:
            wanted[kind.api_version].append(kind)
    served: set[ApiKind] = set()
    for kinds in wanted.values():
        plurals = await gateway.list_resources(kinds[0])
        served.update(kind for kind in kinds if kind.plural in plurals)
    for kind in NAMED_KINDS:
        if await _is_served_in_any_version(kind, groups, gateway):
            served.add(kind)
    return frozenset(served)


async def _is_served_in_any_version(kind: ApiKind, groups: frozenset[str], gateway: ClusterGateway) -> bool:
    for group, _, version in sorted(name.partition("/") for name in groups):
        if group == kind.group and await gateway.is_served(replace(kind, version=version)):
            return True
    return False
