"""A file as its origin announces it, before and while it comes to the volume."""

from collections.abc import Iterable
from dataclasses import dataclass

from nemotron_operator.volume.digest import Digest


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository at one commit."""

    path: str
    """Where it lies in the repository, with slashes."""

    size_bytes: int
    """How long its content is."""

    digest: Digest
    """What its bytes are checked against."""


def total_bytes(files: Iterable[RemoteFile]) -> int:
    """Add up the sizes."""
    return sum(file.size_bytes for file in files)
