"""Space: what the volume already holds of a commit, and whether the rest fits."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from nemotron_operator.volume.errors import NoSpaceError
from nemotron_operator.volume.piece import piece_path, size_of
from nemotron_operator.volume.place import Place
from nemotron_operator.volume.remote_file import RemoteFile, total_bytes

GIB = 1 << 30
"""Bytes in a GiB, the unit of a volume's size."""


def held_bytes(staging: Path, files: Iterable[RemoteFile]) -> int:
    """Count the bytes that staging holds already, unfinished files included.

    Notes
    -----
    It is also the measure of progress, so it must bear files that vanish while it counts.
    """
    return sum(_held_of(staging, file) for file in files)


def require_space(place: Place, label: str, files: Iterable[RemoteFile]) -> None:
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
            f"{label} needs {needed} more bytes ({needed / GIB:.1f} GiB) on {place.destination}, "
            f"and {free} bytes ({free / GIB:.1f} GiB) are free. "
            f"Make the volume at least {needed - free} bytes larger (cache.size)."
        )


def _held_of(staging: Path, file: RemoteFile) -> int:
    """Count a file's bytes; one that is finished meanwhile counts once, since its piece becomes the file."""
    held = size_of(piece_path(staging, file.path)) or size_of(staging / file.path)
    return min(held, file.size_bytes)
