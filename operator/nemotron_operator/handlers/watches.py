"""Kopf's part: watch the resource and its children, and hand every report over. Nothing is decided here."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import aiohttp
import kopf

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.connection import Credentials
from nemotron_operator.cluster.gateway import ReportRequest
from nemotron_operator.cluster.kinds import CHILD_KINDS, NEMOTRON, OPTIONAL_KINDS, ApiKind

Deliver = Callable[[ApiKind, str | None, KubernetesObject], None]
"""Takes kind, event type (None for what was there at the start) and object. Must not block and must not raise."""

LOGIN_MINUTES = 5
"""A login expires by itself, so that the next one counts as new: kopf refuses equal ones after a single 401."""

WATCH = "WATCH"
"""The verb under which watches are counted: each begins with one request."""

_NAMESPACE = re.compile(r"/namespaces/[^/]+(?=/)")
"""What stands in a path where one namespace is meant."""

_PATHS = {kind.path(None): kind.name for kind in (NEMOTRON, *CHILD_KINDS, *OPTIONAL_KINDS)}
"""Kinds by the paths at which they are watched in all namespaces."""


@dataclass(frozen=True, slots=True)
class Watching:
    """Who is told what of the watches. None of it must block, and none must raise."""

    deliver: Deliver
    report_listing: Callable[[], None]
    """Called each time that a watch begins with a list instead of going on where the last one ended: at the start,
    and after an expired resource version. What was deleted before is in no list, and kopf does not report it."""
    report_request: ReportRequest
    """Told of each request that begins a watch, for metrics."""


def make_registry(
    watching: Watching,
    read_credentials: Callable[[], Awaitable[Credentials]],
    served_kinds: Iterable[ApiKind] = (),
) -> kopf.OperatorRegistry:
    """Register one low-level event handler for each kind: no annotation, no finalizer, no write of kopf's own.

    Parameters
    ----------
    served_kinds
        The optional kinds that the API server knows; kopf would wait for ever for one that it does not.
    """
    registry = kopf.OperatorRegistry()
    _register_login(registry, read_credentials, watching)
    for kind in (NEMOTRON, *CHILD_KINDS, *served_kinds):
        _register_kind(registry, kind, watching.deliver)
    return registry


def _register_kind(registry: kopf.OperatorRegistry, kind: ApiKind, deliver: Deliver) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"watch-{kind.plural}")
    async def hand_over(event: kopf.RawEvent, **_: object) -> None:
        deliver(kind, event["type"], dict(event["object"]))


def _register_login(
    registry: kopf.OperatorRegistry,
    read_credentials: Callable[[], Awaitable[Credentials]],
    watching: Watching,
) -> None:
    @kopf.on.login(registry=registry, id="login")
    async def login(**_: object) -> kopf.AiohttpSession:
        credentials = await read_credentials()
        return kopf.AiohttpSession(
            server=credentials.server,
            aiohttp_session=open_session(credentials, watching),
            expiration=datetime.now(UTC) + timedelta(minutes=LOGIN_MINUTES),
        )


def open_session(credentials: Credentials, watching: Watching) -> aiohttp.ClientSession:
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
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=connection.as_ssl_context()),
        headers=connection.as_http_headers(),
        trace_configs=[_trace(watching)],
    )


def _trace(watching: Watching) -> aiohttp.TraceConfig:
    async def look_at_answer(_session: object, _context: object, answered: aiohttp.TraceRequestEndParams) -> None:
        if kind := _find_watched(answered):
            watching.report_request(WATCH, kind, answered.response.status)
        if "sendInitialEvents" in answered.url.query and answered.response.ok:
            watching.report_listing()

    async def look_at_failure(_session: object, _context: object, failed: aiohttp.TraceRequestExceptionParams) -> None:
        # What is cancelled was not wanted any more: the watches end, or begin anew.
        if (kind := _find_watched(failed)) and not isinstance(failed.exception, asyncio.CancelledError):
            code = "timeout" if isinstance(failed.exception, TimeoutError) else "unreachable"
            watching.report_request(WATCH, kind, code)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(look_at_answer)
    trace.on_request_exception.append(look_at_failure)
    return trace


def _find_watched(request: aiohttp.TraceRequestEndParams | aiohttp.TraceRequestExceptionParams) -> str | None:
    """Find the kind that a request begins to watch, in all namespaces or in one; None for any other request."""
    if "watch" not in request.url.query:
        return None
    path = _NAMESPACE.sub("", request.url.path)
    # The server's own address may have a path, as behind a proxy of several clusters.
    return next((name for root, name in _PATHS.items() if path.endswith(root)), None)
