"""The server as the sender sees it: one request and its answer, and how busy it says it is."""

import http.client
import json
import re
import ssl
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nemotron_operator.batch.errors import ServerRefusesError
from nemotron_operator.batch.pace import Load

CONNECT_SECONDS = 10
"""How long a connection, or a look at the metrics, may take: the server is inside the same cluster."""

ANSWER_SECONDS = 3600
"""How long one answer may take: a queue before it, and the longest text after it."""

METRICS = re.compile(r"^vllm:num_requests_(running|waiting)(?:{.*})? (\S+)", re.MULTILINE)

CERTIFICATES = ("ca.crt", "tls.crt")
"""Files of a Secret with a certificate: the CA's, which not every Secret has, and the server's own."""

_OK = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said to one request."""

    status: int
    body: dict[str, Any]
    retry_after_seconds: float | None = None
    """How long the server wants to be left alone."""


class UnreachableError(Exception):
    """There is no answer, or only the beginning of one."""


@dataclass(frozen=True, slots=True)
class Server:
    """One OpenAI-compatible server."""

    base_url: str
    """Up to /v1, as the status of the resource has it."""
    api_key: str | None = field(default=None, repr=False)
    trusted_certificates: Path | None = None
    """A directory with ca.crt, or the server's own tls.crt; None trusts the public CAs."""

    def ask(self, path: str, body: dict[str, Any]) -> Reply:
        """Send one request, and read its answer.

        Raises
        ------
        UnreachableError
            There is none.
        ServerRefusesError
            The request cannot be put into HTTP, and neither can any other.
        """
        key = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        headers = {"Content-Type": "application/json", **key}
        # A connection for each: the Service then chooses a replica for each.
        status, text, retry_after = self._request("POST", path, json.dumps(body).encode(), headers, ANSWER_SECONDS)
        return Reply(status, _parse(text), _read_seconds(retry_after))

    def read_load(self) -> Load | None:
        """Read how busy the server is; None where it does not say, or not now."""
        try:
            status, text, _ = self._request("GET", "/metrics", None, {}, CONNECT_SECONDS)
        except UnreachableError:
            return None
        found = METRICS.findall(text.decode(errors="replace"))
        if status != _OK or not found:
            return None
        totals = {"running": 0, "waiting": 0}
        for name, value in found:
            totals[name] += int(float(value))
        return Load(**totals)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], seconds: float
    ) -> tuple[int, bytes, str | None]:
        try:
            with closing(self._connect()) as connection:
                connection.connect()
                connection.sock.settimeout(seconds)
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return response.status, response.read(), response.getheader("Retry-After")
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{type(error).__name__}: {error}") from error
        except ValueError as error:
            # Its own words quote the header, and with it the API key: they go into no message and no traceback.
            raise ServerRefusesError(
                f"A request to {self.base_url} cannot be put into HTTP ({type(error).__name__}): look whether the "
                "Secret that spec.apiKeySecretRef names holds the key alone."
            ) from None

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.base_url)
        if parts.scheme == "https":
            trust = _trust(self.trusted_certificates)
            return http.client.HTTPSConnection(parts.netloc, timeout=CONNECT_SECONDS, context=trust)
        return http.client.HTTPConnection(parts.netloc, timeout=CONNECT_SECONDS)


def _trust(directory: Path | None) -> ssl.SSLContext:
    """Trust the CA of a directory, or the very certificate where there is none, as the verification does."""
    if directory is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for name in CERTIFICATES:
        if (directory / name).is_file():
            context.load_verify_locations(cafile=directory / name)
            return context
    raise ServerRefusesError(f"{directory} has neither {' nor '.join(CERTIFICATES)}: the Secret of spec.tls lacks it.")


def _parse(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    return content if isinstance(content, dict) else {"message": text[:500].decode(errors="replace")}


def _read_seconds(text: str | None) -> float | None:
    """Read `Retry-After` in seconds; a date counts as nothing said."""
    return float(text) if text is not None and text.strip().isdigit() else None
