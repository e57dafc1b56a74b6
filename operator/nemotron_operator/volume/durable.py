"""What has to survive that the power goes: a file, the entries of a directory, a file that replaces another."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_SYNC_ERRNOS = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""How a file system says that it knows no fsync of this. Any other error means that it tried, and failed."""


def sync_file(path: Path) -> None:
    """See that a file is on the disk. One that is there already costs nothing."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_new_file(path: Path) -> None:
    """See that a file is on the disk, or that there is none.

    Notes
    -----
    What could not be written counts as written afterwards, and memory still has it: the next run would verify memory.
    """
    try:
        sync_file(path)
    except OSError:
        path.unlink()
        raise


def sync_directory(path: Path) -> None:
    """Write the directory's entries to the disk, where the file system can: not every network file system does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress_no_sync():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def suppress_no_sync() -> Iterator[None]:
    """Let it pass that the file system knows no fsync."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SYNC_ERRNOS:
            raise


def replace_file(path: Path, content: bytes) -> None:
    """Give a file its content; whatever happens on the way leaves the old one or the new one, and never a part."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)
