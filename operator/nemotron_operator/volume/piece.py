"""An unfinished file on the volume: it lies beside the place of the finished one, and only grows at its end."""

import shutil
from pathlib import Path

PIECE_SUFFIX = ".nemotron-piece"
"""What the name of an unfinished file ends with; the directory is that of one commit, so the rest is the path."""


def piece_path(staging: Path, path: str) -> Path:
    """Name the unfinished file of a path in the repository."""
    return staging / f"{path}{PIECE_SUFFIX}"


def stays_inside(path: str) -> bool:
    """Say whether a path names something inside of the directory that it is joined to."""
    return not ({"", ".", ".."} & set(path.split("/"))) and "\0" not in path


def is_safe_path(path: str) -> bool:
    """Say whether a path stays inside of the directory that it is joined to, and names a file of its own."""
    return stays_inside(path) and not path.endswith(PIECE_SUFFIX)


def size_of(path: Path) -> int:
    """Give the size of a file in bytes; 0 if it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def remove(path: Path) -> None:
    """Remove what lies where a file should be, whatever it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
