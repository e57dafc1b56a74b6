"""A directory of the user's is held against its manifest, and left as it is."""

import json
from pathlib import Path

import pytest

from nemotron_operator.volume.errors import AbsentError, DamagedError
from nemotron_operator.volume.main import main
from nemotron_operator.volume.manifest import MANIFEST_NAME
from nemotron_operator.volume.verify_directory import verify_directory
from nemotron_operator.volume.write_manifest import write_manifest

NAMES = ["config.json", "model.safetensors"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with a manifest of what is in it."""
    for name in NAMES:
        (tmp_path / name).write_text(f"the content of {name}")
    write_manifest(tmp_path, NAMES)
    return tmp_path


def test_what_is_as_it_was_is_told(directory: Path) -> None:
    assert len(NAMES) == len(verify_directory(directory).files)


def test_a_file_that_differs_is_named_and_stays(directory: Path) -> None:
    path = directory / "model.safetensors"
    path.write_text(path.read_text().upper())
    before = path.read_bytes()
    with pytest.raises(DamagedError, match=r"1 of 2 files .* differ from their manifest: model\.safetensors"):
        verify_directory(directory)
    assert before == path.read_bytes()
    assert sorted([MANIFEST_NAME, *NAMES]) == sorted(found.name for found in directory.iterdir())


def test_a_directory_without_a_manifest_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match="--write-manifest"):
        verify_directory(tmp_path)


def test_the_program_tells_it(directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = tmp_path / "message"
    assert 0 == main(["verify", f"--directory={directory}", f"--termination-message-path={message}"])
    assert "Complete" == json.loads(capsys.readouterr().out.splitlines()[-1])["outcome"]
    assert "Complete" == json.loads(message.read_text())["outcome"]


@pytest.mark.parametrize("arguments", [[], ["--commit=a"], ["--directory=/a", "--destination=/b"]])
def test_either_a_commit_or_a_directory_is_verified(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(["verify", *arguments])
