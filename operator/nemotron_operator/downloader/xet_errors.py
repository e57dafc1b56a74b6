"""What the errors of Xet's client mean. It is written in Rust, and wraps every cause in a RuntimeError."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from nemotron_operator.downloader.errors import HubUnavailableError
from nemotron_operator.volume.refusals import is_volume_error

NO_SPACE = f"(os error {errno.ENOSPC})"
"""How Rust writes that the disk is full."""


@contextmanager
def explained_xet_errors(path: str) -> Iterator[None]:
    """Turn the errors of Xet and of the way to it into one that may pass; let the volume's errors pass.

    Notes
    -----
    None of them says anything for good: the same file can be had from the hub itself, which tells why if not.
    """
    import httpx2

    try:
        yield
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        if is_volume_error(error):
            raise
        if NO_SPACE in str(error):
            raise OSError(errno.ENOSPC, str(error)) from error
        raise HubUnavailableError(f"Xet storage gave no {path}: {type(error).__name__}: {error}.") from error
