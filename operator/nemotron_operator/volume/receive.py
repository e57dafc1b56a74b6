"""Receive step: a published directory comes as a tar archive, from a place with a hub to one without."""

import logging
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from nemotron_operator.volume.errors import NotAnArchiveError
from nemotron_operator.volume.manifest import Manifest, read_manifest
from nemotron_operator.volume.piece import is_safe_path
from nemotron_operator.volume.place import Place, is_commit, locked
from nemotron_operator.volume.publish import find_published, publish, take_back
from nemotron_operator.volume.verify import verify_files

FORM = "Send what `tar -C VOLUME -c COMMIT` writes of a volume where COMMIT is published, without compression."
"""What to do about an archive that is none."""

PIECE_BYTES = 1 << 20
"""How much is copied at once."""

logger = logging.getLogger(__name__)


def receive(archive: IO[bytes], destination: Path) -> Manifest:
    """Unpack a plain tar of `<commit>/...` with its manifest, verify it and publish it, or leave nothing of it.

    Raises
    ------
    NotAnArchiveError
        It is cut, is no tar, or holds anything but one published directory that its manifest proves.

    Notes
    -----
    A commit that is published already is held against its manifest, and stays as it is if nothing is wrong: the rest
    of the archive is not read then.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r|") as tar, ExitStack() as stack:
            members = _plain_members(tar)
            first = next(members, None)
            if first is None:
                raise NotAnArchiveError(f"Nothing came. {FORM}")
            place = Place(destination, _commit_of(first))
            stack.enter_context(locked(place))
            published = find_published(place, ())
            if published is not None and not verify_files(place.published, published.files):
                logger.info("%s is published already.", place.commit)
                return published
            return _unpack_and_publish(tar, first, members, place)
    except tarfile.TarError as error:
        raise NotAnArchiveError(f"The archive cannot be read: {error}. {FORM}") from error


def _unpack_and_publish(
    tar: tarfile.TarFile, first: tarfile.TarInfo, rest: Iterator[tarfile.TarInfo], place: Place
) -> Manifest:
    take_back(place)  # what is published is not whole, or it would have been kept
    shutil.rmtree(place.staging, ignore_errors=True)
    try:
        _unpack(tar, first, place)
        for member in rest:
            _unpack(tar, member, place)
        manifest = _require_proof(place)
        publish(place, manifest)
    except BaseException:
        shutil.rmtree(place.staging, ignore_errors=True)
        raise
    return manifest


def _plain_members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Give the files of the archive, by names without `./`; refuse everything that is neither file nor directory."""
    for member in tar:
        name = member.name.removeprefix("./").rstrip("/")
        if member.isdir() and (name in {"", "."} or is_safe_path(name)):
            continue
        if not member.isreg() or not is_safe_path(name):
            raise NotAnArchiveError(f"{member.name!r} in the archive is no plain file below a directory. {FORM}")
        member.name = name
        yield member


def _commit_of(member: tarfile.TarInfo) -> str:
    commit, _, path = member.name.partition("/")
    if not path or not is_commit(commit):
        raise NotAnArchiveError(f"{member.name!r} in the archive lies in no directory of a commit. {FORM}")
    return commit


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Place) -> None:
    """Write one file into staging. Owner, mode and time are ours, as those of downloaded files are."""
    if _commit_of(member) != place.commit:
        raise NotAnArchiveError(
            f"{member.name!r} in the archive is not of {place.commit}, as its first file is. {FORM}"
        )
    target, content = place.staging.parent / member.name, tar.extractfile(member)
    if content is None:
        raise AssertionError("only plain files come here")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not `extract`: its filters, which keep a member inside, are not in every Python 3.11. The name was checked.
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file, PIECE_BYTES)


def _require_proof(place: Place) -> Manifest:
    """Give the manifest if it is of this commit, and every file is what it says."""
    manifest = read_manifest(place.staging)
    if manifest is None or manifest.commit != place.commit:
        raise NotAnArchiveError(f"The archive has no manifest of {place.commit}, so nothing proves its files. {FORM}")
    mismatches = verify_files(place.staging, manifest.files)
    if mismatches:
        first = mismatches[0]
        raise NotAnArchiveError(
            f"{len(mismatches)} of {len(manifest.files)} files came damaged: {first.path} (expected {first.expected}, "
            f"found {first.found}). Send the archive again; if it fails again, verify where it comes from: "
            "`nemotron-volume verify`."
        )
    return manifest
