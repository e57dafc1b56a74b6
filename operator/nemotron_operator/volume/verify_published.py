"""Verification of a published directory, long after it was published: every byte, from the volume."""

import logging

from nemotron_operator.volume.errors import AbsentError, DamagedError
from nemotron_operator.volume.manifest import Manifest, read_manifest
from nemotron_operator.volume.piece import remove
from nemotron_operator.volume.place import Place, is_commit, locked
from nemotron_operator.volume.publish import take_back
from nemotron_operator.volume.verify import Mismatch, verify_files

NAMED_FILES = 3
"""How many damaged files a message names. All of them are in the log."""

logger = logging.getLogger(__name__)


def verify_published(place: Place) -> Manifest:
    """Hold every byte of the published commit against its manifest; take it back if one differs.

    Raises
    ------
    AbsentError
        The commit is not published.
    DamagedError
        It was, and is no longer: nothing starts from it, and the next download fetches only what was damaged.
    """
    _require_published(place)
    with locked(place):
        _require_published(place)  # whoever had the lock may have taken it back, and been killed
        manifest = read_manifest(place.published)
        if manifest is None or manifest.commit != place.commit:
            take_back(place)
            raise DamagedError(
                f"The manifest of {place.commit} on {place.destination} is missing or not readable, so nothing proves "
                "its files. Nothing starts from it any more. Download it again: what is right of it is kept."
            )
        mismatches = verify_files(place.published, manifest.files)
        if mismatches:
            _take_back_without(place, mismatches)
            raise DamagedError(_explain(place, manifest, mismatches))
        return manifest


def _require_published(place: Place) -> None:
    if not is_commit(place.commit) or not place.published.is_dir():
        raise AbsentError(
            f"{place.destination} has no published {place.commit}, the 40 digits of a commit. Download it: "
            f"`nemotron-download --destination {place.destination} --repository ORG/NAME --revision {place.commit}`."
        )


def _take_back_without(place: Place, mismatches: list[Mismatch]) -> None:
    """Let nobody start from the directory, then remove what is wrong in it."""
    for mismatch in mismatches:
        logger.error("%s: expected %s, found %s.", mismatch.path, mismatch.expected, mismatch.found)
    take_back(place)
    for mismatch in mismatches:
        remove(place.staging / mismatch.path)


def _explain(place: Place, manifest: Manifest, mismatches: list[Mismatch]) -> str:
    first = mismatches[0]
    others = ", ".join(mismatch.path for mismatch in mismatches[1:NAMED_FILES])
    return (
        f"{len(mismatches)} of {len(manifest.files)} files of {manifest.repository} at {place.commit} are damaged on "
        f"{place.destination}: {first.path} (expected {first.expected}, found {first.found})"
        f"{', ' + others if others else ''}. Nothing starts from it any more. Download it again, which fetches only "
        "these, and look for errors of the disk."
    )
