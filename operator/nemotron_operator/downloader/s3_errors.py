"""What the storage's answers mean, in sentences: which of our errors each error of its client is.

It looks at status and error code: a HEAD request has no body, so its only code is the status.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from nemotron_operator.downloader.errors import (
    BucketNotFoundError,
    DownloadError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    StorageUnavailableError,
    UntrustedCertificateError,
)
from nemotron_operator.downloader.retry_after import read_retry_after
from nemotron_operator.downloader.s3_access import CA_FILE_VARIABLE, SOURCE_FIELD, S3Access
from nemotron_operator.downloader.s3_unauthorized import EXPIRED_CODES, WRONG_KEY_CODES, explain_unauthorized

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

WRONG_REGION_CODES = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
"""The bucket lies in another region, and the client was not told in which."""

NO_BUCKET_CODES = frozenset({"NoSuchBucket", "InvalidBucketName"})
"""The storage knows no bucket of that name, or there can be none."""

REFUSED_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""Statuses of what needs other credentials."""

CHANGED_CODES = frozenset({"NoSuchKey", "404", "PreconditionFailed", "412"})
"""The object is not the one that was listed, or not there any more."""

BUSY_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""Statuses below 500 of what passes by itself."""


class ObjectChangedError(RevisionNotFoundError):
    """The bucket holds other content than when it was described: the next run names it by another commit."""

    retryable = True


@contextmanager
def explained_s3_errors(access: S3Access, path: str | None = None) -> Iterator[None]:
    """Turn the client's errors into ours; let the volume's errors pass.

    Parameters
    ----------
    path
        The object that is asked for; None if it is the bucket.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError, SSLError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise explain_answer(error, access, path) from error
    except ParamValidationError as error:
        raise BucketNotFoundError(
            f"{access.bucket!r} is not the name of a bucket: correct {SOURCE_FIELD}.bucket."
        ) from error
    except ResponseParserError as error:
        raise StorageUnavailableError(
            f"What answers at {access.address} is no S3 storage: no XML. See {SOURCE_FIELD}.endpoint and the proxy."
        ) from error
    except SSLError as error:
        raise UntrustedCertificateError(
            f"The certificate of {access.address} is not trusted: {access.redact(str(error))}. "
            f"Give the CA that signed it ({SOURCE_FIELD}.caConfigMapRef, {CA_FILE_VARIABLE})."
        ) from error
    except BotoCoreError as error:
        text = access.redact(str(error)).rstrip(".")
        raise StorageUnavailableError(
            f"{access.address} did not answer, or not to the end, for {access.label}: {text}. The next run goes on "
            f"where this one ended; if it fails too, see {SOURCE_FIELD}.endpoint, proxy and NetworkPolicy."
        ) from error


def changed_error(access: S3Access, path: str) -> ObjectChangedError:
    """Say that an object is not the one that was listed."""
    return ObjectChangedError(
        f"{path} of {access.label} was changed or removed while it was fetched. Nothing is mixed: the next run lists "
        "the bucket again and fetches what is there then. Do not write below a prefix that is being fetched."
    )


def explain_answer(error: "ClientError", access: S3Access, path: str | None) -> DownloadError:
    """Say what an error code and an HTTP status of the storage mean."""
    code = access.redact(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    explained: DownloadError = _explain_unavailable(error, access)
    match code, status:
        case _ if code == "SlowDown" or status in BUSY_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            pass
        case _ if code in WRONG_REGION_CODES:
            explained = BucketNotFoundError(
                f"The bucket {access.bucket} is not in the region {access.region} of {access.address} ({code}). "
                f"Set {SOURCE_FIELD}.region to the region of the bucket."
            )
        case _ if code in NO_BUCKET_CODES:
            explained = BucketNotFoundError(
                f"{access.address} has no bucket {access.bucket} ({code}). "
                f"Check {SOURCE_FIELD}.bucket, {SOURCE_FIELD}.endpoint and {SOURCE_FIELD}.region."
            )
        case _ if path is not None and code in CHANGED_CODES:
            explained = changed_error(access, path)
        case "InvalidObjectState", _:
            explained = RepositoryNotFoundError(
                f"{path} of {access.label} lies in an archive and cannot be read. Restore it, or copy the model to "
                f"another storage class, and let {SOURCE_FIELD}.prefix name the copy."
            )
        case _ if status in REFUSED_STATUSES or code in WRONG_KEY_CODES | EXPIRED_CODES:
            explained = explain_unauthorized(access, code, path)
        case _:
            pass
    return explained


def _explain_unavailable(error: "ClientError", access: S3Access) -> StorageUnavailableError:
    from botocore.awsrequest import HeadersDict

    headers = HeadersDict(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
    seconds = read_retry_after(headers, time.time())
    code, message = (access.redact(error.response.get("Error", {}).get(key, "")) for key in ("Code", "Message"))
    wait = "" if seconds is None else f" It asks to wait {seconds:.0f} seconds."
    return StorageUnavailableError(
        f"{access.address} answered {code} to {error.operation_name} for {access.label}: {message.rstrip('.')}.{wait} "
        "The next run goes on where this one ended.",
        seconds,
    )
