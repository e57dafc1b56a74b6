"""Every way in which an origin can fail a download, each with its reason and whether trying again can help.

The reasons are read by the operator and shown in the status: changing one is a change of interface.
"""

from enum import StrEnum
from typing import ClassVar

from nemotron_operator.termination.errors import UNEXPECTED, ExplainedError


class Reason(StrEnum):
    """Why a download failed."""

    UNAUTHORIZED = "Unauthorized"
    """The hub wants a token, or refuses the one that it was given."""

    GATED_REPOSITORY = "GatedRepository"
    """Somebody has to accept the repository's licence first."""

    REPOSITORY_NOT_FOUND = "RepositoryNotFound"
    """The hub knows no such repository, or does not admit that it does."""

    REVISION_NOT_FOUND = "RevisionNotFound"
    """The repository has no such branch, tag or commit."""

    NO_WEIGHTS = "NoWeights"
    """The repository has no safetensors, and nothing else is ever loaded."""

    NO_ADAPTER = "NoAdapter"
    """The repository is no LoRA adapter as PEFT saves one."""

    CHECKSUM_MISMATCH = "ChecksumMismatch"
    """A file arrived twice with other bytes than the hub announced."""

    UNTRUSTED_CERTIFICATE = "UntrustedCertificate"
    """The origin shows a certificate of a CA that nobody named."""

    HUB_UNAVAILABLE = "HubUnavailable"
    """The hub did not answer, limited the rate, or cut the connection."""

    BUCKET_NOT_FOUND = "BucketNotFound"
    """The storage knows no such bucket."""

    STORAGE_UNAVAILABLE = "StorageUnavailable"
    """The storage did not answer, limited the rate, or cut the connection."""

    NO_DIGEST = "NoDigest"
    """The storage tells no digest of an object, so that its bytes could not be verified."""

    UNEXPECTED = UNEXPECTED
    """A cause that nobody foresaw: the log has its traceback."""


class DownloadError(ExplainedError):
    """A download that failed for a known reason; the message says what to do about it."""


class UnauthorizedError(DownloadError):
    """The hub refused the token, or the lack of one."""

    reason = Reason.UNAUTHORIZED


class GatedRepositoryError(DownloadError):
    """The licence of the repository was not accepted by the token's account."""

    reason = Reason.GATED_REPOSITORY


class RepositoryNotFoundError(DownloadError):
    """The hub shows no repository of that name."""

    reason = Reason.REPOSITORY_NOT_FOUND


class RevisionNotFoundError(DownloadError):
    """The repository has no such branch, tag or commit."""

    reason = Reason.REVISION_NOT_FOUND


class NoWeightsError(DownloadError):
    """The repository has no file that a server could load safely."""

    reason = Reason.NO_WEIGHTS


class NoAdapterError(DownloadError):
    """The repository holds no LoRA adapter."""

    reason = Reason.NO_ADAPTER


class ChecksumMismatchError(DownloadError):
    """The bytes on the volume are not the bytes of the repository."""

    reason = Reason.CHECKSUM_MISMATCH


class UntrustedCertificateError(DownloadError):
    """The origin, or a proxy in front of it, shows a certificate that this process does not trust."""

    reason = Reason.UNTRUSTED_CERTIFICATE


class BucketNotFoundError(DownloadError):
    """The storage shows no bucket of that name."""

    reason = Reason.BUCKET_NOT_FOUND


class UnavailableError(DownloadError):
    """The origin cannot be reached, or not now: the same request may succeed later."""

    reason = Reason.HUB_UNAVAILABLE
    retryable = True

    counts_progress: ClassVar[bool] = True
    """Whether an attempt that ended so was a good one if it brought new bytes."""

    def __init__(self, cause: str, retry_after_seconds: float | None = None, advice: str = "") -> None:
        super().__init__(f"{cause} {advice}".rstrip())
        self.cause = cause
        """What happened, in sentences. What to do is of interest only when it is not tried again."""
        self.retry_after_seconds = retry_after_seconds
        """How long the origin asks to be left alone; None if it does not say."""


class HubUnavailableError(UnavailableError):
    """The hub cannot be reached, or not now."""


class TooSlowError(UnavailableError):
    """So little arrives that a new connection is worth a try. It would never end if the few bytes counted."""

    counts_progress = False


class StorageUnavailableError(UnavailableError):
    """The storage cannot be reached, or not now."""

    reason = Reason.STORAGE_UNAVAILABLE


class NoDigestError(DownloadError):
    """What came could not be held against anything."""

    reason = Reason.NO_DIGEST


class TooLongError(Exception):
    """More of a file came than was announced. Nothing more of it is wanted: its length tells that it is wrong."""


class StoppedError(Exception):
    """Another file failed, so that this one is not fetched further: the run ends with the other's error."""
