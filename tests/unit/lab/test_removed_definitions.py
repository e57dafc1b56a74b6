"""Definitions that are taken away: what the API server leaves for minutes is finished, and nothing else is touched."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typing_extensions import override

from lab import removed_definitions
from lab.binaries import Binaries
from lab.control_plane import ControlPlane, KubectlError
from lab.errors import LabError
from lab.removed_definitions import delete_definitions, wait_until_gone

PROGRAMS = Binaries(**{name: Path("/programs") / name for name in Binaries.__dataclass_fields__})

ONE, OTHER = "ones.example.com", "others.example.com"


@dataclass(frozen=True)
class FakePlane(ControlPlane):
    """An API server that has definitions, and takes them away when it likes."""

    definitions: dict[str, bool] = field(default_factory=dict)
    """Whether each of them was deleted."""
    has_backed_off: bool = False
    goes_in_the_middle: bool = False
    """Whether what was deleted goes only when somebody else wants to finish it."""
    holds_objects: bool = False
    finished: list[str] = field(default_factory=list)
    """What was done in the API server's place."""

    @override
    def kubectl(self, *args: str, input: str | None = None) -> str:
        match args:
            case ("get", *_):
                return self._list([name for name in self.definitions if f"crd/{name}" in args])
            case ("delete", "--ignore-not-found", "--wait=false", *named):
                self.definitions.update(dict.fromkeys(self.definitions.keys() & {name[4:] for name in named}, True))
                if not self.has_backed_off:
                    self._forget_deleted()
            case ("delete", name, "--all", "--all-namespaces", _):
                if self.goes_in_the_middle:
                    self._forget_deleted()
                if name not in self.definitions or self.holds_objects:
                    raise KubectlError(f"kubectl delete {name}: no")
                self.finished.append(f"objects of {name}")
            case ("patch", "crd", name, *_):
                self.finished.append(name)
                self._forget_deleted()
            case _:
                raise AssertionError(args)
        return ""

    def _forget_deleted(self) -> None:
        for name in [name for name, is_deleted in self.definitions.items() if is_deleted]:
            del self.definitions[name]

    def _list(self, names: list[str]) -> str:
        items = [
            {"metadata": {"name": name, **({"deletionTimestamp": "now"} if self.definitions[name] else {})}}
            for name in names
        ]
        return json.dumps(items[0] if len(items) == 1 else {"items": items}) if items else ""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FINALIZER_SECONDS", "GONE_SECONDS", "_POLL_SECONDS"):
        monkeypatch.setattr(removed_definitions, name, 0.01)


def test_what_the_api_server_takes_away_is_left_to_it() -> None:
    plane = FakePlane("demo", PROGRAMS, definitions={ONE: False, OTHER: False})
    delete_definitions(plane, [f"crd/{ONE}", "crd/absent.example.com"])
    assert ({OTHER: False}, []) == (plane.definitions, plane.finished)


def test_where_it_has_backed_off_the_objects_go_before_the_definition() -> None:
    plane = FakePlane("demo", PROGRAMS, definitions={ONE: False, OTHER: False}, has_backed_off=True)
    delete_definitions(plane, [f"crd/{ONE}"])
    assert ({OTHER: False}, [f"objects of {ONE}", ONE]) == (plane.definitions, plane.finished)


def test_a_definition_that_goes_while_it_is_finished_is_no_error() -> None:
    plane = FakePlane("demo", PROGRAMS, definitions={ONE: True}, goes_in_the_middle=True)
    wait_until_gone(plane, [f"crd/{ONE}"])
    assert ({}, []) == (plane.definitions, plane.finished)


def test_objects_that_somebody_holds_keep_their_definition() -> None:
    plane = FakePlane("demo", PROGRAMS, definitions={ONE: True}, holds_objects=True)
    with pytest.raises(KubectlError, match=ONE):
        wait_until_gone(plane, [f"crd/{ONE}"])
    assert ({ONE: True}, []) == (plane.definitions, plane.finished)


def test_a_definition_that_nobody_deleted_is_not_taken_away() -> None:
    plane = FakePlane("demo", PROGRAMS, definitions={ONE: False})
    with pytest.raises(LabError, match=rf"{ONE} \(not deleted\)"):
        wait_until_gone(plane, [f"crd/{ONE}"])
    assert ({ONE: False}, []) == (plane.definitions, plane.finished)
