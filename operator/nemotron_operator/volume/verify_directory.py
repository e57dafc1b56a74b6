"""Verification of a directory of the user's against the manifest that was written beside its files."""

import logging
import shlex
from pathlib import Path

from nemotron_operator.volume.errors import AbsentError, DamagedError
from nemotron_operator.volume.manifest import MANIFEST_NAME, Manifest, read_manifest
from nemotron_operator.volume.verify import verify_files
from nemotron_operator.volume.verify_published import NAMED_FILES

logger = logging.getLogger(__name__)


def verify_directory(directory: Path) -> Manifest:
    """Hold every byte of a directory against its manifest, and change nothing in it: the files are the user's.

    Raises
    ------
    AbsentError
        There is no manifest to hold the files against.
    DamagedError
        A file differs from it.
    """
    manifest = read_manifest(directory)
    if manifest is None:
        raise AbsentError(
            f"{directory} has no readable {MANIFEST_NAME}. Write it from files that are right: `nemotron-volume "
            f"inspect --directory {shlex.quote(str(directory))} --write-manifest`."
        )
    mismatches = verify_files(directory, manifest.files)
    for mismatch in mismatches:
        logger.error("%s: expected %s, found %s.", mismatch.path, mismatch.expected, mismatch.found)
    if mismatches:
        named = ", ".join(mismatch.path for mismatch in mismatches[:NAMED_FILES])
        raise DamagedError(
            f"{len(mismatches)} of {len(manifest.files)} files in {directory} differ from their manifest: {named}. Put "
            "back what was there, or write a new manifest if they were changed on purpose."
        )
    return manifest
