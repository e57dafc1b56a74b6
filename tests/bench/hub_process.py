"""A hub in a process of its own, so that it takes no time from the interpreter that measures."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from lab.hub import Hub

END_SECONDS = 30
"""How long the process may take to end."""


@dataclass(frozen=True)
class HubProcess:
    """The hub, as it is seen from outside."""

    url: str
    """The address for HF_ENDPOINT."""

    commit: str
    """The head of its only repository."""

    _connection: Connection

    def count_sent_bytes(self) -> int:
        """Tell how many bytes of files it has sent."""
        self._connection.send("count")
        sent_bytes: int = self._connection.recv()
        return sent_bytes


@contextmanager
def serve_folder(folder: Path, repository: str) -> Iterator[HubProcess]:
    """Serve the files of a folder as a repository, mapped and not read into memory."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(folder, repository, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        url, commit = ours.recv()
        yield HubProcess(url, commit, ours)
    finally:
        ours.close()
        process.join(END_SECONDS)
        process.kill()


def _serve(folder: Path, repository: str, connection: Connection) -> None:
    """Serve, and answer every message with the number of bytes sent, until nobody asks any more."""
    with Hub({repository: {path.name: path for path in folder.iterdir()}}) as hub:
        connection.send((hub.url, hub.commit(repository)))
        while _is_asked(connection):
            connection.send(hub.bytes_sent.total())


def _is_asked(connection: Connection) -> bool:
    try:
        return bool(connection.recv() == "count")
    except EOFError:
        return False
