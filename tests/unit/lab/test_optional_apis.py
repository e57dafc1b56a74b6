"""Definitions of other projects: whole or not there, and only those that were pinned."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab import optional_apis
from lab.errors import LabError
from lab.optional_apis import APIS, fetch_definitions

SOME = replace(APIS["inference"], module="example.com/some", sum="h1:right", files=("crds/some.yaml",))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional_apis, "lab_home", lambda: tmp_path)


def give_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, str]) -> None:
    """Put a program in the place of Go that tells of a module."""
    module = tmp_path / "module"
    (module / "crds").mkdir(parents=True)
    (module / "crds" / "some.yaml").write_text("kind: CustomResourceDefinition\n")
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho '{json.dumps({'Dir': str(module), **told})}'\n")
    go.chmod(0o755)
    monkeypatch.setattr(optional_apis, "require_go", lambda *_: go)


def test_definitions_are_copied_out_of_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_module(tmp_path, monkeypatch, {"Sum": "h1:right"})
    folder = fetch_definitions(SOME)
    assert "kind: CustomResourceDefinition\n" == (folder / "some.yaml").read_text()


def test_a_module_that_is_not_what_it_was_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_module(tmp_path, monkeypatch, {"Sum": "h1:wrong"})
    with pytest.raises(LabError, match="its sum is h1:wrong, not h1:right"):
        fetch_definitions(SOME)
    assert not SOME.folder.exists()


def test_a_module_that_cannot_be_fetched_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_module(tmp_path, monkeypatch, {"Error": "not found"})
    with pytest.raises(LabError, match="cannot be fetched: not found"):
        fetch_definitions(SOME)


def test_a_module_that_lacks_a_file_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_module(tmp_path, monkeypatch, {"Sum": "h1:right"})
    with pytest.raises(FileNotFoundError):
        fetch_definitions(replace(SOME, files=("crds/some.yaml", "crds/other.yaml")))
    assert not SOME.folder.exists()
