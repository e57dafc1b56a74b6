"""Which of the namespaces that the operator was given it can serve: one may be missing, or go, and come back."""

import logging
from collections.abc import Callable, Iterable, Sequence

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CHILD_KINDS, NEMOTRON, OPTIONAL_KINDS, ApiKind
from nemotron_operator.cluster.relist import EVERYWHERE, NOT_USABLE, Refusal, Scope, relist_kind
from nemotron_operator.errors import HTTP_FORBIDDEN, ClusterError

_log = logging.getLogger(__name__)


class ServedNamespaces:
    """Keeps the namespaces that can be read up to date.

    Notes
    -----
    A namespace counts as there once its objects are listed, the NemotronDeployments last: whoever decides about them
    after that knows what is made of them.

    In a namespace that is not there the operator may nothing: its Role went with the namespace. That keeps no other
    from being served. It is left out when a second look is refused too: an API server that is being upgraded may refuse
    for a moment. An optional kind that is gone, or may not be listed there, keeps it from nothing.

    Parameters
    ----------
    wanted
        Namespaces to serve; empty for all, which are read as one.
    list_served_kinds
        Tells which optional kinds the API server knows.
    report_refusal
        Told of an optional kind that could not be listed in a namespace that is served from now on.
    """

    def __init__(
        self,
        gateway: ClusterGateway,
        cache: ObjectCache,
        wanted: Sequence[str] = (),
        list_served_kinds: Callable[[], Iterable[ApiKind]] = tuple,
        report_refusal: Callable[[Refusal], None] = lambda _: None,
    ) -> None:
        self._gateway = gateway
        self._cache = cache
        self._list_served_kinds = list_served_kinds
        self._report_refusal = report_refusal
        self._wanted = tuple(dict.fromkeys(wanted))
        self._doubted: set[str] = set()
        self._told: dict[str, str] = {}
        self.scope: Scope = () if wanted else EVERYWHERE
        """What is read now; empty while none of the wanted namespaces can be."""

    @property
    def is_complete(self) -> bool:
        """Tell whether every namespace that is to be served can be read."""
        return len(self.scope) == len(self._wanted or EVERYWHERE)

    async def look(self) -> bool:
        """Try those that could not be read, and those in doubt; tell whether what can be read changed.

        Raises
        ------
        ClusterError
            The API server does not answer; what was known before still counts for those that were not tried yet.
        """
        before = self.scope
        for name in [name for name in self._wanted if name not in before or name in self._doubted]:
            readable = {*self.scope, name} if await self._list(name) else {*self.scope} - {name}
            self.scope = tuple(each for each in self._wanted if each in readable)
            self._doubted.discard(name)
        return self.scope != before

    def doubt(self, refusal: Refusal) -> None:
        """Take notice that something could not be listed in a namespace that was served so far."""
        if refusal.namespace is None:
            return
        if refusal.kind is NEMOTRON:
            self._doubted.add(refusal.namespace)
        else:
            self._tell(refusal.namespace, f"What changes there may be missed: {refusal.error}")

    async def _list(self, namespace: str) -> bool:
        """List what is in a namespace; tell whether that is allowed."""
        try:
            await self._gateway.try_list(NEMOTRON, namespace)
            for kind in (*CHILD_KINDS, *self._list_served_kinds(), NEMOTRON):
                await self._list_kind(kind, namespace)
        except ClusterError as error:
            if error.status_code != HTTP_FORBIDDEN:
                raise
            self._cache.forget_namespace(namespace)
            self._tell(namespace, f"It is not served until it is there with the Role of the chart: {error}")
            return False
        if self._told.pop(namespace, None):
            _log.info("Namespace %r is served now.", namespace)
        return True

    async def _list_kind(self, kind: ApiKind, namespace: str) -> None:
        try:
            await relist_kind(kind, self._gateway, self._cache, namespace)
        except ClusterError as error:
            if kind not in OPTIONAL_KINDS or error.status_code not in NOT_USABLE:
                raise
            self._report_refusal(Refusal(kind, namespace, error))

    def _tell(self, namespace: str, problem: str) -> None:
        """Say what is wrong with a namespace, once for each cause."""
        if self._told.get(namespace) != problem:
            _log.warning("Namespace %r: %s", namespace, problem)
        self._told[namespace] = problem
