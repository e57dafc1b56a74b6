"""The page cache: what it holds of a file says nothing about the volume."""

import os
from pathlib import Path

from nemotron_operator.volume.durable import suppress_no_sync


def forget_pages(path: Path, first_byte: int = 0, size_bytes: int = 0) -> None:
    """Drop what memory holds of a part of a file, so that the next read asks the volume.

    Parameters
    ----------
    size_bytes
        0 is up to the end of the file.

    Notes
    -----
    Pages that are not on the disk yet cannot be dropped, so they are written first. Pages that another process maps
    stay. A file system that is never written (squashfs, EROFS) knows no fsync, and needs none.
    """
    with path.open("rb") as file:
        with suppress_no_sync():
            os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), first_byte, size_bytes, os.POSIX_FADV_DONTNEED)
