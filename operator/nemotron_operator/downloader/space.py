"""Space: what the volume already holds of a commit, and whether the rest fits."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from nemotron_operator.downloader.errors import NoSpaceError
from nemotron_operator.downloader.partials import partial_files
from nemotron_operator.downloader.place import Place
from nemotron_operator.downloader.selection import RemoteFile, total_bytes

GIB = 1 << 30
"""Bytes in a GiB, the unit of a volume's size."""


def held_bytes(staging: Path, files: Iterable[RemoteFile]) -> int:
    """Count the bytes that staging holds already, unfinished files included.

    Notes
    -----
    It is also the measure of progress, so it must bear files that vanish while it counts.
    """
    finished = sum(min(_size_bytes(staging / file.path), file.size_bytes) for file in files)
    return finished + sum(_size_bytes(path) for path in partial_files(staging))


def require_space(place: Place, repository: str, files: Iterable[RemoteFile]) -> None:
    """Refuse to begin what the volume cannot hold.

    Raises
    ------
    NoSpaceError
        If fewer bytes are free than are still to be fetched.
    """
    wanted = tuple(files)
    needed = total_bytes(wanted) - held_bytes(place.staging, wanted)
    free = shutil.disk_usage(place.destination).free
    if needed > free:
        raise NoSpaceError(
            f"{repository} needs {needed} more bytes ({needed / GIB:.1f} GiB) on {place.destination}, "
            f"and {free} bytes ({free / GIB:.1f} GiB) are free. "
            f"Make the volume at least {needed - free} bytes larger (cache.size)."
        )


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
