from pathlib import Path

import pytest

from nemotron_operator.volume.manifest import MANIFEST_NAME
from nemotron_operator.volume.refs import Ref, read_ref
from tests.unit.cli.bundle.bundles import COMMIT, FILES, REPOSITORY, make_bundle, make_test_manifest, read_tree
from tests.unit.cli.command import nemoctl


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundle")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "volume"
    path.mkdir()
    return path


def test_the_model_is_published_as_a_download_would(bundle: Path, volume: Path) -> None:
    answer = nemoctl("bundle", "import", bundle, "--directory", volume)
    assert 0 == answer.code, answer.err
    expected = {**FILES, MANIFEST_NAME: make_test_manifest().render()}
    assert expected == read_tree(volume / COMMIT)
    assert answer.out.startswith(
        f"{volume / COMMIT} holds {REPOSITORY} at main (commit 0123456789ab, 4 files, 0.00 GiB), every byte verified.\n"
    )
    assert f"persistentVolumeClaim: {{claimName: CLAIM, path: {COMMIT}}}." in answer.out


def test_the_revision_means_this_commit_on_the_volume_from_then_on(bundle: Path, volume: Path) -> None:
    """So a cache Job that fills a claim of the user's there finds the model without a hub."""
    nemoctl("bundle", "import", bundle, "--directory", volume)
    assert COMMIT == read_ref(Ref(volume, REPOSITORY, "main"))


def test_a_second_import_does_nothing_and_says_so(bundle: Path, volume: Path) -> None:
    nemoctl("bundle", "import", bundle, "--directory", volume)
    (volume / COMMIT / "model.safetensors").touch()
    before = (volume / COMMIT / "model.safetensors").stat().st_mtime_ns
    answer = nemoctl("bundle", "import", bundle, "--directory", volume)
    assert (0, "") == (answer.code, answer.err)
    assert answer.out.endswith("already.\n")
    assert before == (volume / COMMIT / "model.safetensors").stat().st_mtime_ns


def test_another_download_of_the_commit_is_not_taken_for_the_bundle(bundle: Path, volume: Path) -> None:
    other = {**FILES, "modeling.py": b"import os"}
    manifest = make_test_manifest(other)
    for path, content in {**other, MANIFEST_NAME: manifest.render()}.items():
        (volume / COMMIT / path).parent.mkdir(parents=True, exist_ok=True)
        (volume / COMMIT / path).write_bytes(content)
    answer = nemoctl("bundle", "import", bundle, "--directory", volume)
    assert (2, "") == (answer.code, answer.out)
    assert f"{volume / COMMIT} is there already, of another download: 5 files" in answer.err
    assert manifest.render() == (volume / COMMIT / MANIFEST_NAME).read_bytes()


def test_a_damaged_file_is_named_and_nothing_is_published(bundle: Path, volume: Path) -> None:
    path = bundle / "models" / COMMIT / "model.safetensors"
    path.write_bytes(b"x" + FILES["model.safetensors"][1:])
    answer = nemoctl("bundle", "import", bundle, "--directory", volume)
    assert (2, "") == (answer.code, answer.out)
    assert f"nemoctl: {path}: is damaged: its sha256 must be " in answer.err
    assert not (volume / COMMIT).exists()
    path.write_bytes(FILES["model.safetensors"])
    assert 0 == nemoctl("bundle", "import", bundle, "--directory", volume).code


def test_a_path_that_is_no_directory_is_named(bundle: Path, tmp_path: Path) -> None:
    answer = nemoctl("bundle", "import", bundle, "--directory", tmp_path / "nix")
    expected = f"nemoctl: {tmp_path}/nix: is no directory. Mount the volume there first, or make it with mkdir.\n"
    assert (2, "", expected) == (answer.code, answer.out, answer.err)


def test_what_is_no_bundle_is_named(tmp_path: Path, volume: Path) -> None:
    answer = nemoctl("bundle", "import", tmp_path, "--directory", volume)
    assert 2 == answer.code
    assert answer.err.startswith(f"nemoctl: {tmp_path}: is no bundle: ")


@pytest.mark.parametrize("option", ["--storage-class=a", "--size=1Gi", "--access-mode=ReadWriteMany", "-n=team"])
def test_a_directory_goes_with_no_option_of_a_volume(bundle: Path, volume: Path, option: str) -> None:
    answer = nemoctl("bundle", "import", bundle, "--directory", volume, option)
    assert 2 == answer.code
    assert "it goes with no option of a volume in the cluster" in answer.err
