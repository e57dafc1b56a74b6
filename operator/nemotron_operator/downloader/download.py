"""One download from the first question to the published directory: the order of the steps, and nothing else."""

import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from nemotron_operator.downloader.access import HubAccess
from nemotron_operator.downloader.errors import ChecksumMismatchError
from nemotron_operator.downloader.hub import continue_files, describe_revision, fetch_files, is_commit
from nemotron_operator.downloader.manifest import Manifest, ManifestFile, make_manifest
from nemotron_operator.downloader.outcome import Complete
from nemotron_operator.downloader.partials import keep_partials
from nemotron_operator.downloader.place import Place, locked
from nemotron_operator.downloader.progress import reported
from nemotron_operator.downloader.publish import find_published, publish, take_back
from nemotron_operator.downloader.selection import RemoteFile, select_files, total_bytes
from nemotron_operator.downloader.space import held_bytes, require_space
from nemotron_operator.downloader.verify import Mismatch, verify_files
from nemotron_operator.downloader.volume_errors import explained_volume_errors

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    access: HubAccess
    """The repository, its hub and the token."""

    revision: str
    """A commit, a branch or a tag."""

    destination: Path
    """The directory on the volume that gets one directory per commit."""

    extra_patterns: tuple[str, ...] = ()
    """Patterns of files besides the default ones."""


@dataclass(frozen=True)
class Stage:
    """What one run works on once the revision is a commit and the files are chosen."""

    access: HubAccess
    """The repository, its hub and the token."""

    place: Place
    """Where the commit lies."""

    files: tuple[RemoteFile, ...]
    """The files that shall be published."""


def download(request: Request) -> Complete:
    """Bring the revision onto the volume, or find it there.

    Raises
    ------
    DownloadError
        For every cause that has a name.
    """
    started = time.monotonic()
    with explained_volume_errors(request.destination):
        manifest, fetched_bytes = _find_or_fetch(request)
    return Complete(
        repository=request.access.repository,
        commit=manifest.commit,
        size_bytes=manifest.size_bytes,
        files=len(manifest.files),
        manifest_sha256=manifest.sha256,
        seconds=time.monotonic() - started,
        fetched_bytes=fetched_bytes,
    )


def _find_or_fetch(request: Request) -> tuple[Manifest, int]:
    """Give the manifest of the published directory, and how many bytes were fetched for it."""
    if is_commit(request.revision):
        published = find_published(Place(request.destination, request.revision), request.extra_patterns)
        if published is not None:
            return published, 0
    description = describe_revision(request.access, request.revision)
    logger.info("%s at %s is commit %s.", request.access.repository, request.revision, description.commit)
    place = Place(request.destination, description.commit)
    with locked(place):
        published = find_published(place, request.extra_patterns)
        if published is not None:
            return published, 0
        files = select_files(request.access.repository, place.commit, description.files, request.extra_patterns)
        stage = Stage(request.access, place, files)
        take_back(place)
        fetched_bytes = _fill_staging(stage)
        verified, refetched_bytes = _verify_staging(stage)
        manifest = make_manifest(request.access.repository, place.commit, request.extra_patterns, verified)
        publish(place, manifest)
        return manifest, fetched_bytes + refetched_bytes


def _fill_staging(stage: Stage) -> int:
    """Fetch what staging lacks; give how much that was."""
    staging, size_bytes = stage.place.staging, total_bytes(stage.files)
    partials = keep_partials(staging, stage.files)
    require_space(stage.place, stage.access.repository, stage.files)
    held = held_bytes(staging, stage.files)
    logger.info("%d files, %d bytes, of which %d are here.", len(stage.files), size_bytes, held)
    with reported(lambda: held_bytes(staging, stage.files), size_bytes, sys.stdout):
        continue_files(stage.access, stage.place.commit, partials, staging)
        fetch_files(stage.access, stage.place.commit, stage.files, staging)
    return size_bytes - held


def _verify_staging(stage: Stage) -> tuple[list[ManifestFile], int]:
    """Verify every file; fetch those that differ once more; give the files and how much was fetched again."""
    logger.info("Verifying %d files.", len(stage.files))
    verified, mismatches = verify_files(stage.place.staging, stage.files)
    if not mismatches:
        return verified, 0
    again = [mismatch.file for mismatch in mismatches]
    _delete(stage, mismatches)
    fetch_files(stage.access, stage.place.commit, again, stage.place.staging)
    verified_again, still = verify_files(stage.place.staging, again)
    if still:
        _delete(stage, still)
        raise ChecksumMismatchError(
            f"{still[0].file.path} of {stage.access.repository} at {stage.place.commit} arrived wrong twice "
            f"({len(still)} files did): expected {still[0].expected}, found {still[0].found}. "
            "Look for a proxy or a mirror (HF_ENDPOINT) that changes files, and for errors of the volume."
        )
    return verified + verified_again, total_bytes(again)


def _delete(stage: Stage, mismatches: list[Mismatch]) -> None:
    for mismatch in mismatches:
        logger.warning("%s: expected %s, found %s.", mismatch.file.path, mismatch.expected, mismatch.found)
        (stage.place.staging / mismatch.file.path).unlink()
