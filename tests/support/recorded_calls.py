"""What the cluster tier leaves for the comparison of permissions: what was used, and which files of tests ran."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from lab.control_plane import ControlPlane
from lab.recorded_permissions import Permission, read_used_permissions

FOLDER_VARIABLE = "NEMOTRON_RECORDED_CALLS"
"""Names the folder, which outlives the clusters; without it nothing is kept."""


@contextmanager
def deleted_once_recorded(plane: ControlPlane) -> Iterator[None]:
    """Keep which permissions the operator used in a cluster, and delete it, whatever happens."""
    try:
        yield
        keep_used_permissions(plane)
    finally:
        plane.delete()


def keep_used_permissions(plane: ControlPlane) -> None:
    """Keep which permissions the operator used in a cluster that is about to be deleted."""
    used = read_used_permissions(plane.directory)
    _keep(f"used-{plane.name}", [list(astuple(permission)) for permission in sorted(used)])


def keep_ran_files(names: Iterable[str]) -> None:
    """Keep which files of tests ran to their end in this process."""
    if ran := sorted(set(names)):
        _keep("ran", ran)


def read_kept_permissions(folder: Path) -> frozenset[Permission]:
    """Read what was used in all clusters together."""
    return frozenset(Permission(*fields) for fields in _read(folder, "used-*.json"))


def read_ran_files(folder: Path) -> frozenset[str]:
    """Read which files of tests ran in all processes together."""
    return frozenset(_read(folder, "ran-*.json"))


def _keep(name: str, content: list[list[str]] | list[str]) -> None:
    if folder := os.environ.get(FOLDER_VARIABLE):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}-{os.getpid()}.json").write_text(json.dumps(content))


def _read(folder: Path, pattern: str) -> list[str]:
    return [entry for path in sorted(folder.glob(pattern)) for entry in json.loads(path.read_text())]
