"""What a complete download tells the operator. A failed one tells what every program tells."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from nemotron_operator.termination.outcome import Outcome


@dataclass(frozen=True)
class Complete(Outcome):
    """The directory of the commit is published, and holds exactly the manifest's files."""

    repository: str
    """What was asked for: ORG/NAME of a hub, or s3://BUCKET/PREFIX."""

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
    """How much this run fetched; what was there before is not in it, what had to be fetched twice is in it twice."""

    read_bytes_per_second: int | None = None
    """How fast the volume gives the files to a server; None where that was not measured."""

    adapter_rank: int | None = None
    """The largest rank of a LoRA adapter; None for a model."""

    @override
    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": "Complete",
            "repository": self.repository,
            "commit": self.commit,
            "bytes": self.size_bytes,
            "files": self.files,
            "manifestSha256": self.manifest_sha256,
            "seconds": round(self.seconds, 1),
            "fetchedBytes": self.fetched_bytes,
            "readBytesPerSecond": self.read_bytes_per_second,
            **({} if self.adapter_rank is None else {"adapterRank": self.adapter_rank}),
        }
