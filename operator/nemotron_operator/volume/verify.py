"""Verify step: the bytes on the volume are the bytes of the origin.

The digests come from the origin's description of the commit, not from the answers that carried the bytes.
"""

import errno
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from nemotron_operator.volume.digest import Digest, DigestKind
from nemotron_operator.volume.manifest import ManifestFile
from nemotron_operator.volume.pages import forget_pages
from nemotron_operator.volume.remote_file import RemoteFile

READ_BYTES = 1 << 20
"""How much is read and hashed at once: enough to leave the interpreter's lock for most of the time."""

HASHING_THREADS = 4
"""How many files are read at once. Hashing leaves the interpreter's lock, and a volume reads faster in parallel."""

NOT_READABLE_ERRNOS = frozenset({errno.EIO, errno.EILSEQ, errno.EBADMSG, errno.ENODATA})
"""How a file system says that what it holds is damaged: by its own checksums, or by those of the disk."""

SHA256 = Digest(DigestKind.SHA256, "")
"""The digest that a manifest holds of every file."""


@dataclass(frozen=True)
class Mismatch:
    """A file that is not what was announced."""

    path: str
    """Where it lies in the directory, with slashes."""

    expected: str
    """What was announced: a size or a digest, with its kind."""

    found: str
    """What lies on the volume, of the same kind."""


def verify_files(directory: Path, files: Iterable[ManifestFile]) -> list[Mismatch]:
    """Read every file of a manifest from the volume; give those that differ, are missing or cannot be read."""
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        results = list(pool.map(lambda file: _verify_listed(directory, file), files))
    return [result for result in results if isinstance(result, Mismatch)]


def verify_file(path: Path, file: RemoteFile) -> ManifestFile | Mismatch:
    """Compare the size and the announced digest of the file at `path`; read it once, whatever its kind."""
    size_bytes = path.stat().st_size
    if size_bytes != file.size_bytes:
        return Mismatch(file.path, expected=f"{file.size_bytes} bytes", found=f"{size_bytes} bytes")
    sha256, found = _compute(path, size_bytes, file.digest)
    if found != file.digest:
        return Mismatch(file.path, expected=str(file.digest), found=str(found))
    return ManifestFile(path=file.path, size_bytes=size_bytes, sha256=sha256)


def read_file(directory: Path, path: str) -> ManifestFile:
    """Read a file that nobody announced, and tell what it is."""
    size_bytes = (directory / path).stat().st_size
    sha256, _ = _compute(directory / path, size_bytes, SHA256)
    return ManifestFile(path=path, size_bytes=size_bytes, sha256=sha256)


def _compute(path: Path, size_bytes: int, digest: Digest) -> tuple[str, Digest]:
    """Give the sha256 of the content, and its digest of the announced kind."""
    sha256 = SHA256.hasher(size_bytes)
    is_sha256 = digest.kind is DigestKind.SHA256 and digest.part_bytes is None
    announced = sha256 if is_sha256 else digest.hasher(size_bytes)
    buffer = memoryview(bytearray(READ_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            sha256.update(buffer[:count])
            if not is_sha256:
                announced.update(buffer[:count])
    return sha256.value(), digest.of_found(announced.value())


def _verify_listed(directory: Path, file: ManifestFile) -> ManifestFile | Mismatch:
    """Compare a file with the manifest; what the volume cannot read is damaged."""
    announced = RemoteFile(file.path, file.size_bytes, replace(SHA256, value=file.sha256))
    path = directory / file.path
    try:
        forget_pages(path)
        return verify_file(path, announced)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return Mismatch(file.path, expected=f"{file.size_bytes} bytes", found="no file")
    except OSError as error:
        if error.errno in NOT_READABLE_ERRNOS:
            return Mismatch(file.path, expected=str(announced.digest), found=str(error))
        raise
