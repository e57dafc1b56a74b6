from pathlib import Path

import pytest

from nemotron_operator.downloader.partials import Partial, keep_partials
from nemotron_operator.downloader.selection import RemoteFile
from nemotron_operator.downloader.space import held_bytes

SHARD = RemoteFile("model.safetensors", 10, blob_sha1="pointer", lfs_sha256="a" * 64)

CONFIG = RemoteFile("config.json", 2, blob_sha1="b" * 40)


@pytest.fixture
def pieces(tmp_path: Path) -> Path:
    directory = tmp_path / ".cache" / "huggingface" / "download"
    directory.mkdir(parents=True)
    return directory


def a_piece(pieces: Path, etag: str, size_bytes: int, random: str = "12345678") -> Path:
    path = pieces / f"5Hd-_=.{etag}.{random}.incomplete"
    path.write_bytes(b"x" * size_bytes)
    return path


def test_the_longest_piece_of_a_large_file_is_kept(tmp_path: Path, pieces: Path) -> None:
    a_piece(pieces, "a" * 64, 3, random="aaaaaaaa")
    longest = a_piece(pieces, "a" * 64, 7, random="bbbbbbbb")
    assert (Partial(SHARD, longest, 7),) == keep_partials(tmp_path, [SHARD, CONFIG])
    assert [longest] == list(pieces.iterdir())


@pytest.mark.parametrize(
    ("etag", "size_bytes"),
    [
        pytest.param("a" * 64, 0, id="empty"),
        pytest.param("a" * 64, 11, id="too long"),
        pytest.param("b" * 40, 1, id="of a small file"),
        pytest.param("c" * 64, 5, id="of no file"),
        pytest.param("a.b", 5, id="of another client"),
    ],
)
def test_a_piece_that_nobody_can_use_is_deleted(tmp_path: Path, pieces: Path, etag: str, size_bytes: int) -> None:
    a_piece(pieces, etag, size_bytes)
    assert () == keep_partials(tmp_path, [SHARD, CONFIG])
    assert [] == list(pieces.iterdir())


def test_a_piece_of_a_file_that_is_there_is_deleted(tmp_path: Path, pieces: Path) -> None:
    a_piece(pieces, "a" * 64, 5)
    (tmp_path / SHARD.path).write_bytes(b"x" * 10)
    assert () == keep_partials(tmp_path, [SHARD])
    assert [] == list(pieces.iterdir())


def test_what_is_held_counts_files_and_pieces(tmp_path: Path, pieces: Path) -> None:
    a_piece(pieces, "a" * 64, 5)
    (tmp_path / CONFIG.path).write_bytes(b"too long")
    assert 5 + 2 == held_bytes(tmp_path, [SHARD, CONFIG])


def test_nothing_is_held_before_the_first_run(tmp_path: Path) -> None:
    assert 0 == held_bytes(tmp_path / "absent", [SHARD, CONFIG])
    assert () == keep_partials(tmp_path / "absent", [SHARD, CONFIG])
