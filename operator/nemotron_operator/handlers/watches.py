"""Kopf's part: watch the resource and its children, and hand every report over. Nothing is decided here."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import kopf

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.connection import Credentials
from nemotron_operator.cluster.kinds import CHILD_KINDS, NEMOTRON, ApiKind

Deliver = Callable[[ApiKind, str | None, KubernetesObject], None]
"""Takes kind, event type (None for what was there at the start) and object. Must not block and must not raise."""

LOGIN_MINUTES = 5
"""A login expires by itself, so that the next one counts as new: kopf refuses equal ones after a single 401."""


def make_registry(deliver: Deliver, read_credentials: Callable[[], Awaitable[Credentials]]) -> kopf.OperatorRegistry:
    """Register one low-level event handler for each kind: no annotation, no finalizer, no write of kopf's own."""
    registry = kopf.OperatorRegistry()
    _register_login(registry, read_credentials)
    for kind in (NEMOTRON, *CHILD_KINDS):
        _register_kind(registry, kind, deliver)
    return registry


def _register_kind(registry: kopf.OperatorRegistry, kind: ApiKind, deliver: Deliver) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"watch-{kind.plural}")
    async def hand_over(event: kopf.RawEvent, **_: object) -> None:
        deliver(kind, event["type"], dict(event["object"]))


def _register_login(registry: kopf.OperatorRegistry, read_credentials: Callable[[], Awaitable[Credentials]]) -> None:
    @kopf.on.login(registry=registry, id="login")
    async def login(**_: object) -> kopf.ConnectionInfo:
        credentials = await read_credentials()
        return kopf.ConnectionInfo(
            server=credentials.server,
            ca_path=credentials.ca_path,
            insecure=credentials.insecure,
            certificate_path=credentials.certificate_path,
            private_key_path=credentials.private_key_path,
            scheme="Bearer" if credentials.token else None,
            token=credentials.token,
            expiration=datetime.now(UTC) + timedelta(minutes=LOGIN_MINUTES),
        )
