"""Refs: which commit a branch was resolved to, so that every later run with that branch takes the same one.

A branch may move between a run that is killed and the one that goes on. Without a record, the second would begin
another commit, and two pods of one model could serve different weights.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nemotron_operator.volume.durable import replace_file
from nemotron_operator.volume.place import is_commit

REFS_DIRECTORY = ".refs"
"""The directory of the records, beside those of the commits."""


@dataclass(frozen=True)
class Ref:
    """A name of a repository that is not a commit: a branch or a tag."""

    destination: Path
    """The directory on the volume that has one directory per commit."""

    label: str
    """The repository, as its origin names it."""

    revision: str
    """The branch or tag; empty for what a storage holds."""

    @property
    def path(self) -> Path:
        """Where the record lies. A branch's name may have characters that no file's name has."""
        name = hashlib.sha256(f"{self.label}\n{self.revision}".encode()).hexdigest()
        return self.destination / REFS_DIRECTORY / f"{name[:40]}.json"


def read_ref(ref: Ref) -> str | None:
    """Give the commit that was recorded; None if none was, or none that can be read."""
    try:
        content = json.loads(ref.path.read_bytes())
        recorded = content["repository"], content["revision"], content["commit"]
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
        return None
    label, revision, commit = recorded
    is_ours = (label, revision) == (ref.label, ref.revision) and isinstance(commit, str) and is_commit(commit)
    return commit if is_ours else None


def write_ref(ref: Ref, commit: str) -> None:
    """Record the commit, so that it outlives the process and the power; what is cut short leaves the old record."""
    content = {"repository": ref.label, "revision": ref.revision, "commit": commit}
    ref.path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(ref.path, (json.dumps(content) + "\n").encode())


@contextmanager
def resolving(ref: Ref) -> Iterator[None]:
    """Be the only process that resolves this name on this volume; wait for another one to end."""
    ref.path.parent.mkdir(parents=True, exist_ok=True)
    with ref.path.with_suffix(".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
