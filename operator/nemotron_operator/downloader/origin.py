"""Where files come from: what a hub or a storage has to be able to do, so that everything else need not know it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nemotron_operator.volume.remote_file import RemoteFile

SILENCE_SECONDS = 30.0
"""How long a read may get nothing, in seconds, unless a client has a setting of its own."""


@dataclass(frozen=True)
class Description:
    """A revision as its origin describes it."""

    commit: str
    """40 hexadecimal digits that name this content and never another."""

    files: tuple[RemoteFile, ...]
    """All files of the commit."""


class Piece(Protocol):
    """The beginning of one file on the volume. An origin appends the rest."""

    @property
    def path(self) -> Path:
        """Where it lies, for a client that writes by itself."""

    @property
    def size_bytes(self) -> int:
        """How much is there: where the rest begins, counted from 0."""

    def write(self, data: bytes) -> None:
        """Append what arrived, at once and in small parts: what was not written is lost when the process is killed.

        Raises
        ------
        UnavailableError, TooLongError, StoppedError
            Too little arrives, too much, or the run ends for another cause: let it pass, and close the connection.
        """

    def restart(self) -> None:
        """Throw away what is there: the origin begins anew where a rest was asked for."""


class Origin(Protocol):
    """A repository of a hub, or a prefix of a bucket, at one revision.

    Notes
    -----
    No method tries again by itself: whoever calls has the patience. What may pass (no answer, a cut connection, 408,
    429, 5xx) is an `UnavailableError`, with the seconds that the origin asks to be left alone; what a person has to
    change is another `DownloadError`. An OSError of the volume passes as it is. A read that gets no byte for
    `SILENCE_SECONDS` ends.
    """

    @property
    def label(self) -> str:
        """Name it for people and for the manifest: ORG/NAME, or s3://BUCKET/PREFIX."""

    @property
    def revision(self) -> str:
        """Name what is asked for: a branch, a tag or a commit of a hub; empty for what lies in a storage now."""

    def describe(self, revision: str) -> Description:
        """List all files of a revision: `self.revision`, or the commit of an earlier description.

        Raises
        ------
        RevisionNotFoundError
            There is no such revision, or no longer: a storage has lost a commit when its listing gives another one.
        """

    def fetch(self, commit: str, file: RemoteFile, piece: Piece) -> None:
        """Append to the piece what it lacks of the file, from `piece.size_bytes` on. Several threads call it at once.

        Notes
        -----
        If the origin's file ends before, return: the length and the digest are checked by whoever calls.
        """
