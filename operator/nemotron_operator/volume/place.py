"""Where a commit lies on the volume, before and after it is published, and who may work on it."""

import fcntl
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STAGING_DIRECTORY = ".staging"
"""The directory of unfinished commits; on the same volume, so that publishing is one rename."""

COMPILED_DIRECTORY = ".compiled"
"""The directory where engines keep what they compiled: made here, so that it belongs to the user that they run as."""

COMMIT_PATTERN = re.compile(r"[0-9a-f]{40}")
"""The name of a commit, which is also the name of its directory."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """The paths of one commit on one volume."""

    destination: Path
    """The directory that holds one directory per published commit."""

    commit: str
    """The 40 hexadecimal digits of the commit."""

    @property
    def published(self) -> Path:
        """The directory that servers read. If it exists, it is whole."""
        return self.destination / self.commit

    @property
    def staging(self) -> Path:
        """The directory that downloads fill."""
        return self.destination / STAGING_DIRECTORY / self.commit

    @property
    def lock(self) -> Path:
        """The file whose lock says that a process works in the staging directory. It is never removed."""
        return self.destination / STAGING_DIRECTORY / f"{self.commit}.lock"


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Be the only process that works on this commit; wait for another one to end.

    Notes
    -----
    The kernel drops the lock of a process that dies, so a killed download never blocks the next one.
    """
    place.lock.parent.mkdir(parents=True, exist_ok=True)
    with place.lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("Another process works on %s on this volume: waiting for it.", place.commit)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_commit(name: str) -> bool:
    """Say whether a name is a full commit, which names itself and can never mean anything else."""
    return COMMIT_PATTERN.fullmatch(name) is not None
