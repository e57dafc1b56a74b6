"""Kopf's part: watch the resource and its children, and hand every report over. Nothing is decided here."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

import aiohttp
import kopf

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.connection import Credentials
from nemotron_operator.cluster.kinds import CHILD_KINDS, NEMOTRON, ApiKind

Deliver = Callable[[ApiKind, str | None, KubernetesObject], None]
"""Takes kind, event type (None for what was there at the start) and object. Must not block and must not raise."""

LOGIN_MINUTES = 5
"""A login expires by itself, so that the next one counts as new: kopf refuses equal ones after a single 401."""


def make_registry(
    deliver: Deliver,
    read_credentials: Callable[[], Awaitable[Credentials]],
    report_listing: Callable[[], None],
    served_kinds: Iterable[ApiKind] = (),
) -> kopf.OperatorRegistry:
    """Register one low-level event handler for each kind: no annotation, no finalizer, no write of kopf's own.

    Parameters
    ----------
    report_listing
        Called each time that a watch begins with a list instead of going on where the last one ended: at the start,
        and after an expired resource version. What was deleted before is in no list, and kopf does not report it.
    served_kinds
        The optional kinds that the API server knows; kopf would wait for ever for one that it does not.
    """
    registry = kopf.OperatorRegistry()
    _register_login(registry, read_credentials, report_listing)
    for kind in (NEMOTRON, *CHILD_KINDS, *served_kinds):
        _register_kind(registry, kind, deliver)
    return registry


def _register_kind(registry: kopf.OperatorRegistry, kind: ApiKind, deliver: Deliver) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"watch-{kind.plural}")
    async def hand_over(event: kopf.RawEvent, **_: object) -> None:
        deliver(kind, event["type"], dict(event["object"]))


def _register_login(
    registry: kopf.OperatorRegistry,
    read_credentials: Callable[[], Awaitable[Credentials]],
    report_listing: Callable[[], None],
) -> None:
    @kopf.on.login(registry=registry, id="login")
    async def login(**_: object) -> kopf.AiohttpSession:
        credentials = await read_credentials()
        return kopf.AiohttpSession(
            server=credentials.server,
            aiohttp_session=_open_session(credentials, report_listing),
            expiration=datetime.now(UTC) + timedelta(minutes=LOGIN_MINUTES),
        )


def _open_session(credentials: Credentials, report_listing: Callable[[], None]) -> aiohttp.ClientSession:
    """Open the session that kopf would, with an eye on its watches; kopf closes it."""
    connection = kopf.ConnectionInfo(
        server=credentials.server,
        ca_path=credentials.ca_path,
        insecure=credentials.insecure,
        certificate_path=credentials.certificate_path,
        private_key_path=credentials.private_key_path,
        scheme="Bearer" if credentials.token else None,
        token=credentials.token,
    )

    async def look_at(_session: object, _context: object, answered: aiohttp.TraceRequestEndParams) -> None:
        if "sendInitialEvents" in answered.url.query and answered.response.ok:
            report_listing()

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(look_at)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=connection.as_ssl_context()),
        headers=connection.as_http_headers(),
        trace_configs=[trace],
    )
