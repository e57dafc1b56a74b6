"""Unfinished files: what a killed run left of the files that it was fetching.

The hub's client begins an unfinished file anew, under another name, and leaves the old piece on the disk. A shard
has gigabytes, so here the piece is kept and completed before the client is called. It depends on how the client
names its pieces; if that changes, nothing is found and the client fetches the file as a whole.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nemotron_operator.downloader.selection import RemoteFile

CLIENT_DIRECTORY = ".cache/huggingface/download"
"""Where the client keeps its pieces, inside of the directory that it fills."""

PARTIAL_SUFFIX = ".incomplete"
"""How the name of a piece ends: `<hash of the path>.<etag>.<random>.incomplete`. The etag of a large file is its
sha256."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Partial:
    """The beginning of a large file, worth completing."""

    file: RemoteFile
    """The file as it shall become."""

    path: Path
    """Where the piece lies."""

    size_bytes: int
    """How much of the file it has."""


def partial_files(staging: Path) -> Iterator[Path]:
    """Find every piece in the staging directory, of whatever file."""
    return (staging / CLIENT_DIRECTORY).rglob(f"*{PARTIAL_SUFFIX}")


def keep_partials(staging: Path, files: Iterable[RemoteFile]) -> tuple[Partial, ...]:
    """Keep the longest piece of each large file that is not there yet, and delete all others."""
    unfinished = {f.lfs_sha256: f for f in files if f.lfs_sha256 is not None and not (staging / f.path).exists()}
    kept: dict[str, Partial] = {}
    for path in sorted(partial_files(staging), key=lambda p: p.stat().st_size, reverse=True):
        file, size_bytes = unfinished.get(_etag(path)), path.stat().st_size
        if file is None or file.path in kept or not 0 < size_bytes <= file.size_bytes:
            path.unlink()
            continue
        kept[file.path] = Partial(file, path, size_bytes)
        logger.info("Continuing %s after %d of %d bytes.", file.path, size_bytes, file.size_bytes)
    return tuple(kept.values())


def _etag(path: Path) -> str:
    match path.name.removesuffix(PARTIAL_SUFFIX).split("."):
        case [_, etag, _]:
            return etag
        case _:
            return ""
