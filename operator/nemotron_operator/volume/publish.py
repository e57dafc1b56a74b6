"""Publish step: a staged and verified commit becomes visible to servers, by one rename.

A published directory is whole, or it is taken back before anything is changed in it.
"""

import logging
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from nemotron_operator.volume.durable import sync_directory, sync_file
from nemotron_operator.volume.manifest import MANIFEST_NAME, Manifest, read_manifest
from nemotron_operator.volume.place import COMPILED_DIRECTORY, Place, locked

logger = logging.getLogger(__name__)


def find_published(place: Place, extra_patterns: Iterable[str]) -> Manifest | None:
    """Find the commit as an earlier run published it; None if it is absent, damaged or lacks what is asked for."""
    manifest = read_manifest(place.published)
    if manifest is None or not set(extra_patterns) <= set(manifest.extra_patterns):
        return None
    for file in manifest.files:
        path = place.published / file.path
        if not path.is_file() or path.stat().st_size != file.size_bytes:
            logger.warning("The published %s lacks %s with %d bytes.", place.commit, file.path, file.size_bytes)
            return None
    return manifest


def take_back(place: Place) -> None:
    """Make a published directory that does not suffice the staging directory again.

    Notes
    -----
    The files that it has are kept and verified anew. A server that has loaded them keeps what it has opened; one that
    is loading finds the next file no more, ends, and waits like every other. The rename is on the disk before anybody
    removes a file: otherwise a directory with a hole could be back when the power is.
    """
    if not place.published.exists():
        return
    logger.warning("Taking %s back to complete it.", place.published)
    shutil.rmtree(place.staging, ignore_errors=True)
    place.published.rename(place.staging)
    sync_directory(place.staging.parent)
    sync_directory(place.destination)


def discard_staging(place: Place) -> None:
    """Give back the space of a commit that will never be completed."""
    with locked(place):
        shutil.rmtree(place.staging, ignore_errors=True)


def publish(place: Place, manifest: Manifest) -> None:
    """Leave exactly the manifest's files, see that they are on the disk, and rename the directory."""
    _remove_strays(place.staging, keep={file.path for file in manifest.files})
    (place.staging / MANIFEST_NAME).write_bytes(manifest.render())
    _sync_tree(place.staging)
    (place.destination / COMPILED_DIRECTORY).mkdir(exist_ok=True)
    place.staging.rename(place.published)
    sync_directory(place.staging.parent)
    sync_directory(place.destination)


def _remove_strays(directory: Path, keep: set[str]) -> None:
    """Remove what no manifest lists: the hub client's bookkeeping, and files of an earlier selection."""
    for parent, directories, files in os.walk(directory, topdown=False):
        for name in files:
            path = Path(parent, name)
            if path.relative_to(directory).as_posix() not in keep:
                path.unlink()
        for name in directories:
            with suppress(OSError):  # not empty
                Path(parent, name).rmdir()


def _sync_tree(directory: Path) -> None:
    for parent, _, files in os.walk(directory, topdown=False):
        for name in files:
            sync_file(Path(parent, name))
        sync_directory(Path(parent))
