"""What the volume's errors mean, in sentences."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nemotron_operator.volume.errors import NoSpaceError, VolumeNotWritableError

NO_SPACE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The volume, or the share of it that this process may use, is full."""

NO_LOCK_ERRNOS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS})
"""The file system has no locks, or was mounted without them: Lustre without `-o flock` says ENOSYS."""

NOT_WRITABLE_ERRNOS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}) | NO_LOCK_ERRNOS
"""The volume refuses, and will refuse again."""


def is_volume_error(error: BaseException) -> bool:
    """Say whether an error is about the volume; the network's errors are OSErrors too."""
    return isinstance(error, OSError) and error.errno in NO_SPACE_ERRNOS | NOT_WRITABLE_ERRNOS


@contextmanager
def explained_volume_errors(destination: Path) -> Iterator[None]:
    """Turn the operating system's refusals into ours; let all others pass."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE_ERRNOS:
            raise NoSpaceError(
                f"{destination} ran full while files were fetched ({error}). "
                "Make the volume larger (cache.size); the next run goes on with what is there."
            ) from error
        if error.errno in NOT_WRITABLE_ERRNOS:
            raise VolumeNotWritableError(
                f"{destination} cannot be written: {error}. See that it is mounted read-write, that the pod's fsGroup "
                "may write to it, and that its file system has locks (flock)."
            ) from error
        raise
