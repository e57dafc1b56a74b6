"""What the cluster holds: which namespaces and optional kinds can be read, and everything that is in them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from nemotron_operator.cluster.cache import Key, ObjectCache
from nemotron_operator.cluster.discovery import KindDiscovery
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import ApiKind
from nemotron_operator.cluster.platform import Platform
from nemotron_operator.cluster.relist import Refusal, Scope, relist
from nemotron_operator.cluster.served_namespaces import ServedNamespaces
from nemotron_operator.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look brought."""

    has_changed: bool
    """Whether other namespaces are served, or other kinds are there or forbidden, than before."""
    problems: tuple[str, ...] = ()
    """Why it is not complete; what was known before still counts for the rest."""


class Survey:
    """Keeps what can be served, and what is there, up to date.

    Notes
    -----
    One looks or lists at a time. A list that began before a kind was found would forget the objects that were just
    listed of it, and whoever decides then would take them for missing.

    Parameters
    ----------
    wanted
        Namespaces to serve; empty for all.
    """

    def __init__(
        self, gateway: ClusterGateway, cache: ObjectCache, platform: Platform, wanted: Sequence[str] = ()
    ) -> None:
        self._gateway = gateway
        self._cache = cache
        self._platform = platform
        self._namespaces = ServedNamespaces(gateway, cache, wanted, lambda: platform.served_kinds, self._doubt_kind)
        self._discovery = KindDiscovery(gateway, cache, platform, self._namespaces)
        self._turn = asyncio.Lock()

    @property
    def scope(self) -> Scope:
        """Namespaces that are read now."""
        return self._namespaces.scope

    @property
    def is_complete(self) -> bool:
        """Tell whether everything is read that is to be served."""
        return self._namespaces.is_complete

    async def look(self) -> Looked:
        """Look which namespaces and which optional kinds can be served.

        A namespace may be held up by a kind that is gone: kinds are looked for even where a namespace gave no answer.
        """
        async with self._turn:
            before, problems = self._served(), []
            for look in (self._namespaces.look, self._discovery.look):
                try:
                    await look()
                except ClusterError as error:
                    problems.append(str(error))
            return Looked(self._served() != before, tuple(dict.fromkeys(problems)))

    async def relist(self) -> set[Key]:
        """List everything anew; return the resources that something changed for.

        What was refused is looked at again: the next look decides what is not served any more.

        Raises
        ------
        ClusterError
            Something that cannot be done without was not listed.
        """
        async with self._turn:
            listed = await relist(self._gateway, self._cache, self.scope, self._platform.served_kinds)
            for refusal in listed.refusals:
                self._namespaces.doubt(refusal)
                self._doubt_kind(refusal)
            return listed.affected

    def _served(self) -> tuple[Scope, frozenset[ApiKind], frozenset[ApiKind]]:
        return self.scope, self._platform.known_kinds, frozenset(self._platform.forbidden_kinds)

    def _doubt_kind(self, refusal: Refusal) -> None:
        self._discovery.doubt(refusal)
