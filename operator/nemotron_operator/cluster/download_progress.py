"""Ask a cache Job how far it is, at the address of its running pod. No answer is never an error.

The API server knows nothing of it, and reading logs would need a permission that nothing else needs. KubeVirt's
containerized data importer asks its importer pods in the same way.
"""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Any, Final, Self

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.observation import is_running, list_pods_of
from nemotron_operator.render.jobs import PROGRESS_PORT_NAME
from nemotron_operator.status.observed_jobs import ObservedProgress

TIMEOUT_SECONDS: Final = 1.0
"""How long connecting, asking and reading may take together: a reconcile waits for it."""

READ_LIMIT_BYTES: Final = 4096
"""Longest answer that is read; an honest one has about 120 bytes."""

MAX_NUMBER: Final = 2**53
"""Largest number of bytes or seconds that is believed: 9 petabytes. Every JSON reader still holds it exactly."""

Number = Annotated[int, Field(strict=True, ge=0, le=MAX_NUMBER)]
"""A number of bytes or seconds."""

_log = logging.getLogger(__name__)


class ProgressAnswer(BaseModel):
    """What the downloader answers. Its percent is not read: it follows from the bytes."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    bytes: Number
    total_bytes: Annotated[int, Field(strict=True, gt=0, le=MAX_NUMBER)]
    """A total of nothing is not known yet."""
    bytes_per_second: Number
    eta_seconds: Number | None = None

    @model_validator(mode="after")
    def _is_no_more_than_all(self) -> Self:
        if self.bytes > self.total_bytes:
            raise ValueError("more than all is there")
        return self


async def ask_download(job: KubernetesObject, pods: Iterable[KubernetesObject]) -> ObservedProgress | None:
    """Ask the running pod of a cache Job; None where there is none, or it gives no sound answer within a second."""
    url = next((url for pod in list_pods_of(job, pods) if (url := find_progress_url(pod)) is not None), None)
    return await read_progress(url) if url is not None else None


def find_progress_url(pod: KubernetesObject) -> str | None:
    """Tell where a pod answers; None unless it runs, has an address, and offers the port."""
    port = _find_port(pod)
    if port is None or not is_running(pod):
        return None
    try:
        address = ip_address(pod["status"].get("podIP") or "")
    except ValueError:
        return None
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return f"http://{host}:{port}/progress"


async def read_progress(url: str) -> ObservedProgress | None:
    """Ask one address, whoever answers there."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False, trust_env=False) as session,
            session.get(url, allow_redirects=False, headers={"Accept-Encoding": "identity"}) as response,
        ):
            if response.status != HTTPStatus.OK:
                _log.debug("%s answered %d", url, response.status)
                return None
            answer = ProgressAnswer.model_validate_json(await _read(response))
    except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
        _log.debug("%s gave no progress: %r", url, error)
        return None
    return ObservedProgress(answer.bytes, answer.total_bytes, answer.bytes_per_second, answer.eta_seconds)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the whole of a short answer.

    Raises
    ------
    ValueError
        It is too long.
    """
    content = bytearray()
    async for part in response.content.iter_chunked(READ_LIMIT_BYTES):
        content += part
        if len(content) > READ_LIMIT_BYTES:
            raise ValueError(f"more than {READ_LIMIT_BYTES} bytes")
    return bytes(content)


def _find_port(pod: KubernetesObject) -> int | None:
    containers: list[dict[str, Any]] = (pod.get("spec") or {}).get("containers") or []
    ports = (port for container in containers for port in container.get("ports") or [])
    return next((port["containerPort"] for port in ports if port.get("name") == PROGRESS_PORT_NAME), None)
