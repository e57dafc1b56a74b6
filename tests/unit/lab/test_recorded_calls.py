"""A cluster of the tests goes, whatever became of the tests and of what is kept of it."""

import json
from pathlib import Path

import pytest

from lab.binaries import Binaries
from lab.control_plane import ControlPlane
from lab.recorded_permissions import Permission
from tests.support.recorded_calls import FOLDER_VARIABLE, deleted_once_recorded, read_kept_permissions

PROGRAMS = Binaries(**{name: Path("/programs") / name for name in Binaries.__dataclass_fields__})

EVENT = {
    "verb": "list",
    "objectRef": {"resource": "pods"},
    "annotations": {"authorization.k8s.io/decision": "allow"},
}


@pytest.fixture
def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ControlPlane:
    """A cluster of which only the folder is there, with one request in its audit log."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "kept"))
    made = ControlPlane("test", PROGRAMS, home=tmp_path)
    (made.directory / "logs").mkdir(parents=True)
    (made.directory / "logs" / "audit.log").write_text(json.dumps(EVENT) + "\n")
    return made


def test_what_was_used_is_kept_and_the_cluster_is_deleted(plane: ControlPlane, tmp_path: Path) -> None:
    with deleted_once_recorded(plane):
        assert plane.directory.exists()
    assert {Permission("", "pods", "list")} == read_kept_permissions(tmp_path / "kept")
    assert not plane.directory.exists()


def test_a_record_that_cannot_be_read_leaves_no_cluster_behind(plane: ControlPlane) -> None:
    (plane.directory / "logs" / "audit.log").write_text("half of a li")
    with pytest.raises(json.JSONDecodeError), deleted_once_recorded(plane):
        pass
    assert not plane.directory.exists()


def test_a_failure_before_the_first_test_leaves_no_cluster_behind(plane: ControlPlane) -> None:
    with pytest.raises(RuntimeError, match="helm"), deleted_once_recorded(plane):
        raise RuntimeError("helm could not install the chart")
    assert not plane.directory.exists()
