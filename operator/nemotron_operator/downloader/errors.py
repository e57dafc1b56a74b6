"""Every way in which a download can fail, each with its reason and whether trying again can help.

The reasons are read by the operator and shown in the status: changing one is a change of interface.
"""

from enum import StrEnum
from typing import ClassVar


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

    NO_SPACE = "NoSpace"
    """The volume is smaller than the files."""

    NO_WEIGHTS = "NoWeights"
    """The repository has no safetensors, and nothing else is ever loaded."""

    CHECKSUM_MISMATCH = "ChecksumMismatch"
    """A file arrived twice with other bytes than the hub announced."""

    HUB_UNAVAILABLE = "HubUnavailable"
    """The hub did not answer, limited the rate, or cut the connection."""

    VOLUME_NOT_WRITABLE = "VolumeNotWritable"
    """The volume refuses a write for another cause than its size."""

    UNEXPECTED = "Unexpected"
    """A cause that nobody foresaw: the log has its traceback."""


class DownloadError(Exception):
    """A download that failed for a known reason; the message says what to do about it."""

    reason: ClassVar[Reason]
    """The reason that the operator shows."""

    retryable: ClassVar[bool] = False
    """Whether the same command may succeed later without a change by a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


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


class NoSpaceError(DownloadError):
    """The files do not fit on the volume."""

    reason = Reason.NO_SPACE


class NoWeightsError(DownloadError):
    """The repository has no file that a server could load safely."""

    reason = Reason.NO_WEIGHTS


class ChecksumMismatchError(DownloadError):
    """The bytes on the volume are not the bytes of the repository."""

    reason = Reason.CHECKSUM_MISMATCH


class HubUnavailableError(DownloadError):
    """The hub cannot be reached, or not now."""

    reason = Reason.HUB_UNAVAILABLE
    retryable = True


class VolumeNotWritableError(DownloadError):
    """The volume does not let this process write."""

    reason = Reason.VOLUME_NOT_WRITABLE
