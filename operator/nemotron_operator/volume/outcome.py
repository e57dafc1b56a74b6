"""What a good run of `nemotron-volume` tells the operator. A failed one tells what every program tells."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from nemotron_operator.termination.outcome import Outcome


@dataclass(frozen=True)
class Complete(Outcome):
    """The directory is what it should be."""

    commit: str | None
    """The commit by the manifest; None for a directory without one."""

    size_bytes: int
    """The size of all files together."""

    files: int
    """How many files there are, the manifest not counted."""

    manifest_sha256: str | None
    """The digest of the manifest; None for a directory without one."""

    seconds: float
    """How long this run took."""

    read_bytes_per_second: int | None
    """How fast the volume gives the files to a server; None where that was not measured."""

    @override
    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": "Complete",
            "commit": self.commit,
            "bytes": self.size_bytes,
            "files": self.files,
            "manifestSha256": self.manifest_sha256,
            "seconds": round(self.seconds, 1),
            "readBytesPerSecond": self.read_bytes_per_second,
        }
