"""`nemoctl cache verify`: ask the operator to read every byte of a model again, and wait for what it finds."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from nemotron_operator.api.conditions import Condition, ConditionType, Reason, rfc3339
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import parse_status
from nemotron_operator.cli.cluster_access import ClusterTarget, explained, open_gateway
from nemotron_operator.cli.existing import get_deployment
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.cli.tables import format_gib, format_seconds
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.errors import ClusterUnreachableError, OperatorError
from nemotron_operator.render.metadata import CHECK_REQUEST_ANNOTATION

POLL_SECONDS = 2.0
"""How often the status is read while it is waited for."""


@dataclass(frozen=True, slots=True)
class Request:
    """A verification that was asked for."""

    namespace: str
    name: str
    requested_at: datetime
    earlier: str | None
    """When the model was verified before, as the status had it."""

    def is_answered(self, status: NemotronDeploymentStatus) -> bool:
        """Tell whether the status speaks of this request, or a later one."""
        verified_at = status.cache.verified_at if status.cache else None
        if verified_at is None or verified_at == self.earlier:
            return False
        return datetime.fromisoformat(verified_at) >= self.requested_at


@dataclass(slots=True)
class Wait:
    """How long a result is waited for, and what was told on the way."""

    timeout_seconds: int
    poll_seconds: float
    told: str = ""

    def tell(self, message: str) -> None:
        """Tell a person what is new."""
        if message and message != self.told:
            say(message)
        self.told = message


def verify_model(
    name: str,
    target: ClusterTarget,
    timeout_seconds: int | None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    poll_seconds: float = POLL_SECONDS,
) -> int:
    """Ask for a verification and wait for it; returns the exit code.

    Parameters
    ----------
    timeout_seconds
        How long the result is waited for; None only asks.

    Raises
    ------
    OperatorError
        There is no such deployment, it has nothing to verify, or the cluster cannot be asked.
    """
    return asyncio.run(_verify(name, target, timeout_seconds, now, poll_seconds))


async def _verify(
    name: str, target: ClusterTarget, timeout_seconds: int | None, now: Callable[[], datetime], poll_seconds: float
) -> int:
    async with open_gateway(target) as gateway:
        body = await get_deployment(gateway, target.choose_one_namespace(), name)
        request = await _ask(gateway, body, now().replace(microsecond=0))
        if timeout_seconds is None:
            where = f"-n {request.namespace}"
            say(f"The verification of {name!r} is asked for. `nemoctl status {name} {where}` shows what it finds.")
            return 0
        return await _wait(gateway, request, Wait(timeout_seconds, poll_seconds))


async def _ask(gateway: ClusterGateway, body: KubernetesObject, now: datetime) -> Request:
    """Ask for it by an annotation; the operator reads it with the next report of the resource."""
    metadata, status = body["metadata"], parse_status(body)
    if status.cache is None or status.cache.commit is None:
        cached = _find_model_cached(status)
        reason = f" ModelCached is {cached.status}: {cached.message}" if cached else ""
        raise OperatorError(
            f"{metadata['name']!r} has no downloaded model that could be verified.{reason} "
            f"`nemoctl status {metadata['name']} -n {metadata['namespace']}` shows how far it is."
        )
    with explained("patch", NEMOTRON, metadata["namespace"]):
        await gateway.annotate(NEMOTRON, body, {CHECK_REQUEST_ANNOTATION: rfc3339(now)})
    return Request(metadata["namespace"], metadata["name"], now, status.cache.verified_at)


async def _wait(gateway: ClusterGateway, request: Request, wait: Wait) -> int:
    """Read the status until it tells the result, or the time is up."""
    started = time.monotonic()
    wait.tell(f"Waiting for the verification of {request.name!r}.")
    while time.monotonic() - started < wait.timeout_seconds:
        status = await _read_status(gateway, request, wait)
        code = _judge(status, request, wait) if status is not None else None
        if code is not None:
            return code
        await asyncio.sleep(wait.poll_seconds)
    say(
        f"No result within {format_seconds(wait.timeout_seconds)}; the verification goes on in the cluster. "
        f"`nemoctl status {request.name} -n {request.namespace}` shows it."
    )
    return EXIT_REFUSED


async def _read_status(gateway: ClusterGateway, request: Request, wait: Wait) -> NemotronDeploymentStatus | None:
    """Read the status; None while the API server is away, which a verification of an hour must outlive."""
    try:
        return parse_status(await get_deployment(gateway, request.namespace, request.name))
    except ClusterUnreachableError as error:
        wait.tell(str(error))
        return None


def _judge(status: NemotronDeploymentStatus, request: Request, wait: Wait) -> int | None:
    """Tell what the status says; None while it says nothing of this verification."""
    cached = _find_model_cached(status)
    if cached is not None and cached.reason == Reason.DAMAGED.value:
        say(f"{request.name!r} is damaged: {cached.message}")
        return EXIT_REFUSED
    if request.is_answered(status) and status.cache is not None:
        size = format_gib(status.cache.bytes or 0)
        say(f"All {status.cache.files} files of {request.name!r} ({size}) are what was downloaded.")
        return 0
    if cached is not None:
        wait.tell(cached.message)
    return None


def _find_model_cached(status: NemotronDeploymentStatus) -> Condition | None:
    return next((each for each in status.conditions if each.type == ConditionType.MODEL_CACHED.value), None)
