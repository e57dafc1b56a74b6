"""Whole runs of `nemotron-volume inspect`."""

import errno
import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from nemotron_operator.volume import main as volume_main
from nemotron_operator.volume.main import main
from nemotron_operator.volume.manifest import MANIFEST_NAME, read_manifest
from nemotron_operator.volume.safetensors import find_fault
from tests.unit.volume.model_directory import FILES, SHARDS, Command, Ended, manifest_of, safetensors, write_files

INDEX = "model.safetensors.index.json"


@pytest.fixture
def directory(volume: Path) -> Path:
    directory = volume / "llama"
    write_files(directory)
    return directory


def run(command: Command, directory: Path, *extra: str) -> Ended:
    return command.run("inspect", "--directory", directory, *extra)


def assert_failed(ended: Ended, reason: str, *parts: str) -> None:
    assert (3, reason) == ended.failure
    message = ended.outcome["message"]
    assert [] == [part for part in parts if part not in message], message


def test_a_whole_directory_can_be_loaded(command: Command, directory: Path) -> None:
    ended = run(command, directory)
    assert (0, None, None) == (ended.exit_code, ended.outcome["manifestSha256"], ended.outcome["commit"])
    assert len(FILES) == ended.outcome["files"]
    assert sum(len(content) for content in FILES.values()) == ended.outcome["bytes"]
    assert not (directory / MANIFEST_NAME).exists()


def test_a_manifest_is_written_on_request_and_found_afterwards(command: Command, directory: Path) -> None:
    written = run(command, directory, "--write-manifest").outcome
    manifest = read_manifest(directory)
    assert manifest is not None
    assert hashlib.sha256((directory / MANIFEST_NAME).read_bytes()).hexdigest() == written["manifestSha256"]
    assert {f.path: f.sha256 for f in manifest.files} == {
        path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()
    }
    assert ("llama", written["commit"]) == (manifest.repository, manifest.commit)
    assert written["manifestSha256"] == run(command, directory).outcome["manifestSha256"]


def test_the_same_files_have_the_same_manifest_and_others_have_another(command: Command, directory: Path) -> None:
    first = run(command, directory, "--write-manifest").outcome
    assert first["manifestSha256"] == run(command, directory, "--write-manifest").outcome["manifestSha256"]
    (directory / "config.json").write_bytes(b"{}")
    (directory / MANIFEST_NAME).unlink()
    assert first["commit"] != run(command, directory, "--write-manifest").outcome["commit"]


def test_a_directory_of_links_is_read_through_them(command: Command, directory: Path, tmp_path: Path) -> None:
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for path in directory.iterdir():
        if path.is_file():
            (linked / path.name).symlink_to(path)
    assert 0 == run(command, linked).exit_code


def test_what_is_no_directory_is_no_model(command: Command, directory: Path) -> None:
    assert_failed(run(command, directory / "absent"), "NoModel", "absent is no directory")


def test_a_directory_above_the_model_names_it(command: Command, directory: Path, volume: Path) -> None:
    assert directory.is_dir()
    assert_failed(run(command, volume), "NoModel", "no config.json", "Did you mean llama")


@pytest.mark.parametrize("content", ["[]", "{", ""])
def test_a_config_that_is_none_is_no_model(command: Command, directory: Path, content: str) -> None:
    (directory / "config.json").write_text(content)
    assert_failed(run(command, directory), "NoModel", "config.json is no JSON object")


def test_a_model_without_a_tokenizer_is_none(command: Command, directory: Path) -> None:
    (directory / "tokenizer.json").unlink()
    assert_failed(run(command, directory), "NoModel", "no tokenizer", "tokenizer.model")


def test_a_model_without_weights_is_incomplete(command: Command, directory: Path) -> None:
    for shard in SHARDS:
        (directory / shard).unlink()
    assert_failed(run(command, directory), "IncompleteWeights", "no .safetensors file")


def test_a_shard_that_the_index_names_has_to_be_there(command: Command, directory: Path) -> None:
    (directory / SHARDS[1]).unlink()
    assert_failed(run(command, directory), "IncompleteWeights", f"1 of the 2 files that {INDEX} names", SHARDS[1])


def test_the_index_of_weights_that_nobody_loads_does_not_matter(command: Command, directory: Path) -> None:
    for shard in SHARDS:
        (directory / shard).unlink()
    (directory / "consolidated.safetensors").write_bytes(safetensors(b"c" * 10))
    assert 0 == run(command, directory).exit_code


@pytest.mark.parametrize("content", ["[]", "{", '{"weight_map": []}'])
def test_an_index_that_is_none_is_incomplete(command: Command, directory: Path, content: str) -> None:
    (directory / INDEX).write_text(content)
    assert_failed(run(command, directory), "IncompleteWeights", f"{INDEX} is no index")


@pytest.mark.parametrize("size_bytes", [0, 7, 8, 60, len(FILES[SHARDS[0]]) - 1])
def test_a_shard_that_was_cut_is_incomplete(command: Command, directory: Path, size_bytes: int) -> None:
    (directory / SHARDS[0]).write_bytes(FILES[SHARDS[0]][:size_bytes])
    assert_failed(run(command, directory), "IncompleteWeights", SHARDS[0], f"{size_bytes} bytes", "Copy them again")


def test_a_pointer_of_git_is_not_the_file(command: Command, directory: Path) -> None:
    (directory / SHARDS[0]).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n")
    assert_failed(run(command, directory), "IncompleteWeights", SHARDS[0])


def test_sizes_have_to_be_those_of_the_manifest(command: Command, directory: Path) -> None:
    (directory / MANIFEST_NAME).write_bytes(manifest_of().render())
    assert manifest_of().sha256 == run(command, directory).outcome["manifestSha256"]
    (directory / SHARDS[0]).write_bytes(safetensors(b"longer" * 1000, "first"))
    assert_failed(run(command, directory), "IncompleteWeights", f"should have {len(FILES[SHARDS[0]])} bytes")


def test_a_file_of_the_formats_own_library_has_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(save({"a": np.zeros((3, 5), np.float32), "b": np.ones(7, np.int8)}))
    assert None is find_fault(path)
    path.write_bytes(save({}))
    assert None is find_fault(path)


@pytest.mark.parametrize("header", [b"[]", b"{", b'{"a": {}}', b'{"a": {"data_offsets": "x"}}', b"[" * 5000, b"\xff"])
def test_a_header_that_is_none_is_a_fault(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert "its header is not that of a safetensors file" == find_fault(path)


def test_a_directory_that_cannot_be_written_gets_no_manifest(
    command: Command, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_directory: Path, _paths: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(volume_main, "write_manifest", refuse)
    assert_failed(run(command, directory, "--write-manifest"), "VolumeNotWritable", "read-write")


def test_a_wrong_argument_ends_as_argparse_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["inspect"])
    assert 2 == raised.value.code
    assert "--directory" in capsys.readouterr().err
