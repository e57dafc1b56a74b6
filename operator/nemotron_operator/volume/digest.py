"""Digests that tell their kind: what a hub, git or S3 says of a file's content, and how to compute the same."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from typing_extensions import override


class DigestKind(StrEnum):
    """How a digest is computed."""

    SHA256 = "sha256"
    """The sha256 of the content: LFS and Xet files of a hub, checksums of S3."""

    GIT_BLOB = "git blob"
    """Git's object id: the sha1 of the content behind a header with its length. Small files of a hub."""

    MD5 = "md5"
    """The md5 of the content: the ETag of an S3 object that was uploaded in one piece."""


@dataclass(frozen=True)
class Digest:
    """A digest as it was announced."""

    kind: DigestKind
    """How it is computed."""

    value: str
    """Lower-case hexadecimal digits; for a composite one followed by `-` and the number of parts."""

    part_bytes: int | None = None
    """For a composite digest the size of its parts: S3 digests the digests of the parts of what was uploaded in parts.
    The last part may be shorter. None for a digest of the whole content."""

    @override
    def __str__(self) -> str:
        return f"{self.kind.value} {self.value}"

    def of_found(self, value: str) -> "Digest":
        """Give the digest of the same kind with the value that was found."""
        return Digest(self.kind, value, self.part_bytes)

    def hasher(self, size_bytes: int) -> "Hasher":
        """Begin to compute the digest of a content with this size."""
        if self.part_bytes is not None:
            return _CompositeHasher(self.kind, self.part_bytes)
        hasher = _WholeHasher(self.kind)
        if self.kind is DigestKind.GIT_BLOB:
            hasher.update(b"blob %d\0" % size_bytes)
        return hasher


class Hasher(Protocol):
    """Something that is fed a content piece by piece."""

    def update(self, data: bytes | memoryview) -> None:
        """Feed the next piece."""

    def value(self) -> str:
        """Give the digest of what was fed, as `Digest.value` writes it."""


class _WholeHasher:
    """The digest of a whole content."""

    def __init__(self, kind: DigestKind) -> None:
        name = "sha1" if kind is DigestKind.GIT_BLOB else kind.value
        self._hash = hashlib.new(name, usedforsecurity=kind is DigestKind.SHA256)

    def update(self, data: bytes | memoryview) -> None:
        self._hash.update(data)

    def value(self) -> str:
        return self._hash.hexdigest()


class _CompositeHasher:
    """The digest of the digests of parts: hexadecimal digits, `-`, number of parts."""

    def __init__(self, kind: DigestKind, part_bytes: int) -> None:
        self._kind = kind
        self._part_bytes = part_bytes
        self._digests: list[str] = []
        self._part = _WholeHasher(kind)
        self._missing_bytes = part_bytes

    def update(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            piece, rest = rest[: self._missing_bytes], rest[self._missing_bytes :]
            self._part.update(piece)
            self._missing_bytes -= len(piece)
            if not self._missing_bytes:
                self._end_part()

    def value(self) -> str:
        if self._missing_bytes < self._part_bytes:
            self._end_part()
        whole = _WholeHasher(self._kind)
        whole.update(bytes.fromhex("".join(self._digests)))
        return f"{whole.value()}-{len(self._digests)}"

    def _end_part(self) -> None:
        self._digests.append(self._part.value())
        self._part = _WholeHasher(self._kind)
        self._missing_bytes = self._part_bytes
