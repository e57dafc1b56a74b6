"""What the hub's answers mean, in sentences: which of our errors each error of its client is.

It looks at status and error code, not at the client's classes: those differ between addresses with and without TLS.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from nemotron_operator.downloader.access import ENDPOINT_VARIABLE, HubAccess
from nemotron_operator.downloader.errors import (
    DownloadError,
    GatedRepositoryError,
    HubUnavailableError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    UnauthorizedError,
    UntrustedCertificateError,
)
from nemotron_operator.downloader.retry_after import read_retry_after
from nemotron_operator.downloader.secret import TOKEN_VARIABLE
from nemotron_operator.volume.refusals import is_volume_error

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

TOKEN_FIELD = "model.source.huggingFace.tokenSecretRef"  # noqa: S105 - the name of a field, not a token
"""The field of a NemotronDeployment that names the Secret with the token."""

CA_FILE_VARIABLE = "SSL_CERT_FILE"
"""The environment variable with the path of a private CA's certificates; the hub's client reads it."""

CA_FIELD = "model.source.huggingFace.caConfigMapRef"
"""The field of a NemotronDeployment that names the ConfigMap with them."""

CERTIFICATE_REFUSED = "CERTIFICATE_VERIFY_FAILED"
"""How OpenSSL says so, whatever the client wraps around it."""


@contextmanager
def explained_hub_errors(access: HubAccess, revision: str) -> Iterator[None]:
    """Turn the client's errors into ours; let the volume's errors pass."""
    import httpx2
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except HFValidationError as error:
        raise RepositoryNotFoundError(
            f"{access.repository!r} cannot be a repository of a hub. Write ORGANISATION/NAME, without '--' and '..'."
        ) from error
    except httpx2.UnsupportedProtocol as error:
        raise RepositoryNotFoundError(
            f"{_address(access)} is not the base URL of a hub. Write it as https://HOST ({ENDPOINT_VARIABLE}, "
            "model.source.huggingFace.endpoint)."
        ) from error
    except json.JSONDecodeError as error:
        raise HubUnavailableError(
            f"What answers at {_address(access)} is not a hub: no JSON. See {ENDPOINT_VARIABLE} and the proxy."
        ) from error
    except (httpx2.HTTPError, OSError) as error:
        if is_volume_error(error):
            raise
        raise explain_error(error, access, revision) from error


def explain_error(error: BaseException, access: HubAccess, revision: str) -> DownloadError:
    """Say what the client's error means."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return explain_answer(error, access, revision)
    if CERTIFICATE_REFUSED in str(error):
        return UntrustedCertificateError(
            f"{_address(access)}, or a proxy in front of it, shows a certificate that is not trusted: {error}. Give "
            f"the certificates of the CA that signed it ({CA_FILE_VARIABLE}, {CA_FIELD})."
        )
    cause = f"{type(error).__name__}: {error}".rstrip(".")
    return HubUnavailableError(
        f"{_address(access)} cannot be reached for {access.repository}: {cause}.",
        advice="The next run goes on where this one ended; if it fails too, see "
        f"{ENDPOINT_VARIABLE}, proxy and NetworkPolicy.",
    )


def explain_answer(error: "HfHubHTTPError", access: HubAccess, revision: str) -> DownloadError:
    """Say what an HTTP status and the hub's error code mean.

    Notes
    -----
    The files lie with a storage provider, whose signed addresses expire: its 403 says nothing about the token.
    """
    import httpx2

    response, explained = error.response, _explain_unavailable(error, access)
    hub, asked = httpx2.URL(_address(access)), response.url
    is_from_hub = (hub.host, hub.port) == (asked.host, asked.port)
    match response.headers.get("X-Error-Code"), response.status_code:
        case "GatedRepo", _:
            explained = _explain_gated(access)
        case "RevisionNotFound", _:
            explained = RevisionNotFoundError(
                f"{access.repository} has no branch, tag or commit {revision!r}. "
                "See the history of the repository and correct the revision."
            )
        case "EntryNotFound", _:
            pass  # a mirror that lists more than it has, yet
        case ("RepoNotFound", status) | (_, HTTPStatus.NOT_FOUND as status) if is_from_hub:
            explained = _explain_not_found(access, status)
        case _, (HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN) as status if is_from_hub:
            explained = _explain_unauthorized(access, status)
        case _:
            pass
    return explained


def _explain_unavailable(error: "HfHubHTTPError", access: HubAccess) -> DownloadError:
    response = error.response
    return HubUnavailableError(
        f"{response.url.host} answered {response.status_code} {response.reason_phrase} to {response.url.path} "
        f"for {access.repository}.",
        retry_after_seconds=read_retry_after(response.headers, time.time()),
        advice="The next run goes on where this one ended.",
    )


def _explain_gated(access: HubAccess) -> GatedRepositoryError:
    way_out = (
        f"with the account of the token in {TOKEN_VARIABLE}, and wait until it is admitted"
        if access.token
        else f"and give a token of the account that did ({TOKEN_VARIABLE}, {TOKEN_FIELD})"
    )
    page = f"{_address(access)}/{access.repository}"
    return GatedRepositoryError(f"{access.repository} is gated. Accept its licence at {page} {way_out}.")


def _explain_not_found(access: HubAccess, status: int) -> RepositoryNotFoundError:
    private = (
        f"The token in {TOKEN_VARIABLE} may also be one that must not see it."
        if access.token
        else f"Without a token a hub answers 401 or 404 for a private repository too: if it is private, give a token "
        f"({TOKEN_VARIABLE}, {TOKEN_FIELD})."
    )
    return RepositoryNotFoundError(
        f"{_address(access)} has no repository {access.repository} ({status}). Check the name. {private}"
    )


def _explain_unauthorized(access: HubAccess, status: int) -> UnauthorizedError:
    if not access.token:
        return UnauthorizedError(
            f"{_address(access)} shows {access.repository} to nobody without a token ({status}). "
            f"Check the name, then give a token that may read it ({TOKEN_VARIABLE}, {TOKEN_FIELD})."
        )
    if status == HTTPStatus.FORBIDDEN:
        return UnauthorizedError(
            f"The token in {TOKEN_VARIABLE} may not read {access.repository} ({status}). "
            "Give it the permission to read this repository's contents."
        )
    return UnauthorizedError(
        f"{_address(access)} refuses the token in {TOKEN_VARIABLE} ({status}): it is expired, revoked or of another "
        f"hub. Put a valid one into the Secret of {TOKEN_FIELD}."
    )


def _address(access: HubAccess) -> str:
    """Name the hub, without what somebody wrote in front of its host to log in."""
    from huggingface_hub import constants

    parts = urlsplit((access.endpoint or constants.ENDPOINT).rstrip("/"))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
