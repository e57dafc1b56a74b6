"""Repositories: files with their digests, commits, branches."""

import hashlib
import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

LARGE_SUFFIXES = (".safetensors", ".bin", ".model")
"""Names of files that a repository keeps outside of git."""

LARGE_BYTES = 10 << 20
"""The size from which on a file of any name is kept outside of git."""


@dataclass(frozen=True)
class StoredFile:
    """A file at one commit."""

    content: bytes | memoryview
    is_large: bool
    misstated_bytes: int = 0
    """How much longer than the content the hub says that the file is."""

    @property
    def listed_bytes(self) -> int:
        """How long the hub says that the file is."""
        return len(self.content) + self.misstated_bytes

    @cached_property
    def sha256(self) -> str:
        """The digest of a large file, and its name in the store."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        """What git keeps of the file: all of it, or where the rest is."""
        if self.is_large:
            return f"oid sha256:{self.sha256}\nsize {len(self.content)}\n".encode()
        return bytes(self.content)

    @cached_property
    def blob_sha1(self) -> str:
        """The name that git gives to what it keeps."""
        pointer = self.pointer
        return hashlib.sha1(b"blob %d\0" % len(pointer) + pointer, usedforsecurity=False).hexdigest()

    @property
    def etag(self) -> str:
        """What the hub answers as the file's digest."""
        return self.sha256 if self.is_large else self.blob_sha1


@dataclass
class Repository:
    """A repository with its history."""

    commits: dict[str, dict[str, StoredFile]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def push(self, name: str, files: Mapping[str, bytes | Path], branch: str) -> str:
        """Make a commit with exactly these files the head of a branch; give its name."""
        stored = {path: store_file(path, source) for path, source in files.items()}
        listing = json.dumps([name, branch, sorted((path, file.blob_sha1) for path, file in stored.items())])
        commit = hashlib.sha1(listing.encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = stored
        self.branches[branch] = commit
        return commit


def store_file(path: str, source: bytes | Path) -> StoredFile:
    """Store bytes, or map a file of this machine: it is read from the page cache, however large it is."""
    content = source if isinstance(source, bytes) else _map(source)
    return StoredFile(content, path.endswith(LARGE_SUFFIXES) or len(content) >= LARGE_BYTES)


def _map(path: Path) -> bytes | memoryview:
    if not path.stat().st_size:
        return b""  # nothing can be mapped
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
