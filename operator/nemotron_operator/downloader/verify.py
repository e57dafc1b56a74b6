"""Verify step: the bytes on the volume are the bytes of the repository.

The digests come from the hub's description of the commit, not from the answers that carried the bytes.
"""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nemotron_operator.downloader.manifest import ManifestFile
from nemotron_operator.downloader.selection import RemoteFile

HASHING_THREADS = 4
"""How many files are read at once. Hashing leaves the interpreter's lock, and a volume reads faster in parallel."""


@dataclass(frozen=True)
class Mismatch:
    """A file that is not what the hub announced."""

    file: RemoteFile
    """The file as announced."""

    expected: str
    """What the hub announced: a size or a digest, with its kind."""

    found: str
    """What lies on the volume, of the same kind."""


def verify_files(directory: Path, files: Iterable[RemoteFile]) -> tuple[list[ManifestFile], list[Mismatch]]:
    """Verify every file; give what may be published and what may not."""
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        results = list(pool.map(lambda file: verify_file(directory, file), files))
    return (
        [result for result in results if isinstance(result, ManifestFile)],
        [result for result in results if isinstance(result, Mismatch)],
    )


def verify_file(directory: Path, file: RemoteFile) -> ManifestFile | Mismatch:
    """Compare size and digest: sha256 of a large file, git's blob id of a small one."""
    path = directory / file.path
    size_bytes = path.stat().st_size
    if size_bytes != file.size_bytes:
        return Mismatch(file, expected=f"{file.size_bytes} bytes", found=f"{size_bytes} bytes")
    sha256 = _sha256(path)
    if file.lfs_sha256 is not None and sha256 != file.lfs_sha256:
        return Mismatch(file, expected=f"sha256 {file.lfs_sha256}", found=f"sha256 {sha256}")
    if file.lfs_sha256 is None and (blob_sha1 := _blob_sha1(path)) != file.blob_sha1:
        return Mismatch(file, expected=f"git blob {file.blob_sha1}", found=f"git blob {blob_sha1}")
    return ManifestFile(path=file.path, size_bytes=size_bytes, sha256=sha256)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _blob_sha1(path: Path) -> str:
    """Compute git's object id of a file. Only small files are plain git blobs, so it is read as a whole."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
