import json
from pathlib import Path

import pytest

from nemotron_operator.cli.bundle.layout import BundleError, open_bundle, read_description, write_description
from nemotron_operator.volume.manifest import MANIFEST_NAME
from tests.unit.cli.bundle.bundles import COMMIT, FILES, REPOSITORY, make_bundle, make_test_manifest


def fails(directory: Path) -> str:
    with pytest.raises(BundleError) as caught:
        open_bundle(directory)
    return str(caught.value)


def test_a_whole_bundle_is_opened(tmp_path: Path) -> None:
    bundle = open_bundle(make_bundle(tmp_path))
    assert (REPOSITORY, "main", COMMIT) == (
        bundle.description.repository,
        bundle.description.revision,
        bundle.description.commit,
    )
    assert make_test_manifest() == bundle.manifest
    assert f"{REPOSITORY} at main (commit 0123456789ab, 4 files, 0.00 GiB)" == bundle.description.title


def test_a_description_is_read_as_it_was_written(tmp_path: Path) -> None:
    description = open_bundle(make_bundle(tmp_path / "a")).description
    write_description(tmp_path, description)
    assert description == read_description(tmp_path)
    assert 1 == json.loads((tmp_path / "bundle.json").read_text())["formatVersion"]


def test_a_directory_without_a_description_is_no_bundle(tmp_path: Path) -> None:
    expected = (
        f"{tmp_path}: is no bundle: it has no bundle.json, which is written last. `nemoctl bundle export --output "
        f"{tmp_path}` makes one, and goes on where it was interrupted."
    )
    assert expected == fails(tmp_path)
    assert "is no bundle" in fails(tmp_path / "nix")
    assert read_description(tmp_path) is None


def test_a_command_can_be_pasted_whatever_the_directory_is_called(tmp_path: Path) -> None:
    assert f"--output '{tmp_path}/a bundle'` makes one" in fails(tmp_path / "a bundle")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON"),
        (b"\xff\xfe\xfd", "it is not JSON"),
        (b"[]", "it is no JSON object"),
        (b"null", "it is no JSON object"),
        (b"{}", "it has no formatVersion"),
        (b'{"formatVersion": 1}', "it has no repository"),
    ],
)
def test_a_description_that_cannot_be_read_is_named_in_words(tmp_path: Path, content: bytes, why: str) -> None:
    path = make_bundle(tmp_path) / "bundle.json"
    path.write_bytes(content)
    again = "Copy the bundle again from where it was made."
    assert f"{path}: is not the description of a bundle: {why}. {again}" == fails(tmp_path)


def test_a_later_version_of_the_layout_is_refused(tmp_path: Path) -> None:
    path = make_bundle(tmp_path) / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "formatVersion": 2}))
    assert f"{path}: formatVersion: this nemoctl reads 1 (found 2)." in fails(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = make_bundle(tmp_path) / "models" / COMMIT / "deep/er/tokenizer.json"
    path.unlink()
    expected = f"{path}: must have 2 bytes, and it is missing. Copy the bundle again from where it was made."
    assert expected == fails(tmp_path)


def test_a_file_that_was_cut_short_is_named(tmp_path: Path) -> None:
    path = make_bundle(tmp_path) / "models" / COMMIT / "model.safetensors"
    path.write_bytes(FILES["model.safetensors"][:-1])
    assert f"{path}: must have 2304000 bytes, and it has 2303999 bytes." in fails(tmp_path)


@pytest.mark.parametrize("text", ["", "{}"])
def test_a_manifest_that_is_another_is_named(tmp_path: Path, text: str) -> None:
    directory = make_bundle(tmp_path) / "models" / COMMIT
    (directory / MANIFEST_NAME).write_text(text)
    assert f"{directory}: the manifest is not the one that bundle.json names." in fails(tmp_path)


def test_a_manifest_that_leads_out_of_the_bundle_is_none(tmp_path: Path) -> None:
    manifest = make_test_manifest({"../../secret": b"x"})
    make_bundle(tmp_path)
    (tmp_path / "models" / COMMIT / MANIFEST_NAME).write_bytes(manifest.render())
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "manifestSha256": manifest.sha256}))
    (tmp_path / "secret").write_text("x")
    assert "the manifest is not the one that bundle.json names" in fails(tmp_path)
