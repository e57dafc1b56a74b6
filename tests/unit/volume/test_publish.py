import json
from pathlib import Path

import pytest

from nemotron_operator.volume.manifest import MANIFEST_NAME, Manifest, ManifestFile, make_manifest, read_manifest
from nemotron_operator.volume.place import Place
from nemotron_operator.volume.publish import find_published, publish, take_back

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path, COMMIT)
    (place.staging / "chat").mkdir(parents=True)
    (place.staging / "config.json").write_bytes(b"{}")
    (place.staging / "chat" / "template.jinja").write_bytes(b"{{ messages }}")
    return place


def a_manifest(*extra_patterns: str) -> Manifest:
    files = [ManifestFile("config.json", 2, "aa"), ManifestFile("chat/template.jinja", 14, "bb")]
    return make_manifest("acme/tiny", COMMIT, extra_patterns, files)


def test_publishing_renames_the_directory_with_exactly_the_files_of_the_manifest(place: Place) -> None:
    (place.staging / ".cache" / "huggingface" / "download").mkdir(parents=True)
    (place.staging / ".cache" / "huggingface" / "download" / "config.json.metadata").touch()
    (place.staging / "left_over.py").touch()
    publish(place, a_manifest())
    assert not place.staging.exists()
    found = sorted(str(path.relative_to(place.published)) for path in place.published.rglob("*"))
    assert [MANIFEST_NAME, "chat", "chat/template.jinja", "config.json"] == found


def test_what_was_published_is_found(place: Place) -> None:
    publish(place, a_manifest("*.py"))
    assert a_manifest("*.py") == find_published(place, ())
    assert a_manifest("*.py") == find_published(place, ["*.py"])


def test_what_was_published_without_a_pattern_does_not_suffice_for_it(place: Place) -> None:
    publish(place, a_manifest())
    assert None is find_published(place, ["*.py"])


@pytest.mark.parametrize("content", ["", "null", "[]", "{}", '{"repository": "acme/tiny"'])
def test_a_directory_without_a_readable_manifest_is_not_published(place: Place, content: str) -> None:
    publish(place, a_manifest())
    (place.published / MANIFEST_NAME).write_text(content)
    assert None is find_published(place, ())


@pytest.mark.parametrize("path", ["../outside", "/outside", "", ".", "a/../../outside", 7])
def test_a_manifest_that_names_something_outside_is_none(tmp_path: Path, path: str) -> None:
    manifest = make_manifest("acme/tiny", COMMIT, (), [ManifestFile(path, 2, "aa")])
    (tmp_path / MANIFEST_NAME).write_bytes(manifest.render())
    assert None is read_manifest(tmp_path)


@pytest.mark.parametrize("changed", [{"bytes": "2"}, {"bytes": None}, {"sha256": 7}])
def test_a_manifest_with_values_of_another_kind_is_none(tmp_path: Path, changed: dict[str, object]) -> None:
    content = json.loads(a_manifest().render())
    content["files"][0] |= changed
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(content))
    assert None is read_manifest(tmp_path)


def test_a_directory_that_lacks_a_file_is_not_published(place: Place) -> None:
    publish(place, a_manifest())
    (place.published / "chat" / "template.jinja").unlink()
    assert None is find_published(place, ())


def test_a_directory_that_is_taken_back_keeps_its_files(place: Place) -> None:
    publish(place, a_manifest())
    place.staging.mkdir()
    take_back(place)
    assert not place.published.exists()
    assert b"{}" == (place.staging / "config.json").read_bytes()


def test_taking_back_what_was_never_published_leaves_staging_alone(place: Place) -> None:
    take_back(place)
    assert b"{}" == (place.staging / "config.json").read_bytes()


def test_a_manifest_does_not_depend_on_the_order_of_what_it_lists() -> None:
    one, other = ManifestFile("a", 1, "aa"), ManifestFile("b", 2, "bb")
    first = make_manifest("acme/tiny", COMMIT, ["*.py", "*.md"], [one, other])
    second = make_manifest("acme/tiny", COMMIT, ["*.md", "*.py", "*.md"], [other, one])
    assert first.sha256 == second.sha256
    assert 3 == first.size_bytes


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(a_manifest("*.py").render())
    assert a_manifest("*.py") == read_manifest(tmp_path)
