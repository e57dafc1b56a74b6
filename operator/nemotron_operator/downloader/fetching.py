"""Fetch step: several files at once, each verified as soon as it is there, while others still come.

What was just written is read for its digest from memory, and not a second time from the disk at the end.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nemotron_operator.downloader.errors import ChecksumMismatchError, StoppedError, TooLongError, UnavailableError
from nemotron_operator.downloader.origin import Origin
from nemotron_operator.downloader.patience import Patience, persist
from nemotron_operator.downloader.piece_file import PieceFile, SpeedLimit
from nemotron_operator.volume.durable import sync_new_file
from nemotron_operator.volume.manifest import ManifestFile
from nemotron_operator.volume.piece import piece_path, remove, size_of
from nemotron_operator.volume.remote_file import RemoteFile
from nemotron_operator.volume.verify import Mismatch, verify_file

FETCHING_THREADS = 8
"""How many files are fetched at once: as many as the hub's client fetches."""

ARRIVALS = 2
"""How often a file may arrive before a wrong one counts as wrong for good."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetching:
    """One run over the files of one commit."""

    origin: Origin
    """Where they come from."""

    commit: str
    """The commit that they are of."""

    staging: Path
    """The directory that gets them."""

    patience: Patience = field(default_factory=Patience)
    """When to ask again."""

    limit: SpeedLimit = field(default_factory=SpeedLimit)
    """When a connection is too slow."""

    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when a file failed, so that no other goes on."""

    def fetch_all(self, files: Sequence[RemoteFile]) -> tuple[list[ManifestFile], int]:
        """Bring and verify all files, the largest first; give them, and how many bytes came.

        Raises
        ------
        DownloadError
            The failure of a file. What arrived stays for the next run.
        """
        largest_first = sorted(files, key=lambda file: file.size_bytes, reverse=True)
        with ThreadPoolExecutor(FETCHING_THREADS, thread_name_prefix="fetch") as pool:
            futures = [pool.submit(self._bring, file) for file in largest_first]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                self.stopped.set()
                pool.shutdown(cancel_futures=True)
        _raise_failure(futures)
        results = [future.result() for future in futures]
        return [file for file, _ in results], sum(fetched_bytes for _, fetched_bytes in results)

    def _bring(self, file: RemoteFile) -> tuple[ManifestFile, int]:
        """Fetch a file unless it is there, and verify it; what is wrong comes once more."""
        target, arrivals, fetched_bytes = self.staging / file.path, 0, 0
        while True:
            if not target.is_file() or target.is_symlink():  # where a link leads, the content may change later
                fetched_bytes += self._fetch(file, target)
                arrivals += 1
            result = verify_file(target, file)
            if isinstance(result, ManifestFile):
                sync_new_file(target)  # while others come, so that publishing need not wait for all of them
                return result, fetched_bytes
            logger.warning("%s: expected %s, found %s.", result.path, result.expected, result.found)
            target.unlink()
            if arrivals == ARRIVALS:
                raise self._explain(result)

    def _fetch(self, file: RemoteFile, target: Path) -> int:
        """Complete the piece of a file and give it the file's name; give how many bytes came."""
        piece = piece_path(self.staging, file.path)
        before_bytes, discards = size_of(piece), list[int]()
        if before_bytes:
            logger.info("Continuing %s after %d of %d bytes.", file.path, before_bytes, file.size_bytes)
        persist(lambda: self._attempt(file, piece, discards), lambda: size_of(piece), self.patience, self.stopped.wait)
        fetched_bytes = size_of(piece) - before_bytes + sum(discards)
        remove(target)
        piece.rename(target)
        return fetched_bytes

    def _attempt(self, file: RemoteFile, path: Path, discards: list[int]) -> None:
        """Ask the origin once for what is missing.

        Parameters
        ----------
        discards
            Gets how much was thrown away, since the origin began anew.

        Raises
        ------
        UnavailableError
            Something came, and not all of it. If nothing came the origin's file is shorter than announced, which the
            digest will tell.
        """
        if self.stopped.is_set():
            raise StoppedError
        with PieceFile(path, self.stopped, self.limit, announced_bytes=file.size_bytes) as piece:
            before_bytes = piece.size_bytes
            try:
                if before_bytes < file.size_bytes:
                    with suppress(TooLongError):
                        self.origin.fetch(self.commit, file, piece)
            finally:
                discards.append(piece.discarded_bytes)
            if before_bytes < piece.size_bytes < file.size_bytes:
                raise UnavailableError(
                    f"{self.origin.label} sent {file.path} to byte {piece.size_bytes} of {file.size_bytes} only."
                )

    def _explain(self, mismatch: Mismatch) -> ChecksumMismatchError:
        return ChecksumMismatchError(
            f"{mismatch.path} of {self.origin.label} at {self.commit} arrived wrong twice: expected "
            f"{mismatch.expected}, found {mismatch.found}. Look for a proxy, a mirror or a storage that changes "
            "files, and for errors of the volume."
        )


def _raise_failure(futures: Iterable[Future[tuple[ManifestFile, int]]]) -> None:
    """Raise what ended the run: rather what a person has to act on than what may pass."""
    errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
    causes = sorted(
        (error for error in errors if not isinstance(error, StoppedError)),
        key=lambda error: isinstance(error, UnavailableError),
    )
    if causes:
        raise causes[0]
