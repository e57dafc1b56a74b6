"""How a download ended, as the one JSON line that the operator reads from the pod's termination message."""

import json
from dataclasses import dataclass, replace
from typing import Any

from nemotron_operator.downloader.errors import DownloadError, Reason

LINE_LIMIT_BYTES = 4095
"""Kubernetes keeps at most 4096 bytes of a termination message, and cuts what is longer in the middle of the JSON."""

ELLIPSIS = "..."
"""What stands at the end of a message that was cut. ASCII, so that it is three bytes."""


@dataclass(frozen=True)
class Complete:
    """The directory of the commit is published, and holds exactly the manifest's files."""

    repository: str
    """The repository as it was asked for."""

    commit: str
    """The commit that the revision meant when it was resolved."""

    size_bytes: int
    """The size of all files together."""

    files: int
    """How many files there are, the manifest not counted."""

    manifest_sha256: str
    """The digest of the manifest, which has the digest of every file."""

    seconds: float
    """How long this run took."""

    fetched_bytes: int
    """How much of it this run fetched; the rest was there before."""

    def as_json(self) -> dict[str, Any]:
        """Name the fields as the operator reads them."""
        return {
            "outcome": "Complete",
            "repository": self.repository,
            "commit": self.commit,
            "bytes": self.size_bytes,
            "files": self.files,
            "manifestSha256": self.manifest_sha256,
            "seconds": round(self.seconds, 1),
            "fetchedBytes": self.fetched_bytes,
        }


@dataclass(frozen=True)
class Failed:
    """Nothing was published; what arrived stays in the staging directory for the next run."""

    reason: Reason
    """Why, in one word."""

    message: str
    """Why, in sentences with names, numbers and the way out."""

    retryable: bool
    """Whether the same command may succeed later without a change by a person."""

    @classmethod
    def from_error(cls, error: DownloadError) -> "Failed":
        """Tell what the error tells."""
        return cls(reason=error.reason, message=error.message, retryable=error.retryable)

    def as_json(self) -> dict[str, Any]:
        """Name the fields as the operator reads them."""
        return {
            "outcome": "Failed",
            "reason": self.reason.value,
            "message": self.message,
            "retryable": self.retryable,
        }


Outcome = Complete | Failed


def render_line(outcome: Outcome) -> str:
    """Render the outcome as one line that fits into a termination message; a long message loses its end.

    Notes
    -----
    A character takes at least one byte of JSON, so dropping as many characters as there are bytes too many is enough.
    """
    line = json.dumps(outcome.as_json())
    excess = len(line) - LINE_LIMIT_BYTES
    if excess <= 0 or isinstance(outcome, Complete):
        return line
    return json.dumps(replace(outcome, message=outcome.message[: -excess - len(ELLIPSIS)] + ELLIPSIS).as_json())
