import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from nemotron_operator.volume.digest import Digest, DigestKind
from nemotron_operator.volume.errors import NoSpaceError
from nemotron_operator.volume.piece import piece_path
from nemotron_operator.volume.place import Place
from nemotron_operator.volume.remote_file import RemoteFile
from nemotron_operator.volume.space import held_bytes, require_space

SHARD = RemoteFile("model.safetensors", 10, Digest(DigestKind.SHA256, "a" * 64))

CONFIG = RemoteFile("config.json", 2, Digest(DigestKind.GIT_BLOB, "b" * 40))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_what_is_held_counts_files_and_pieces_and_no_more_than_there_are(tmp_path: Path) -> None:
    piece_path(tmp_path, SHARD.path).write_bytes(b"x" * 5)
    (tmp_path / CONFIG.path).write_bytes(b"too long")
    assert 5 + 2 == held_bytes(tmp_path, [SHARD, CONFIG])


def test_nothing_is_held_before_the_first_run(tmp_path: Path) -> None:
    assert 0 == held_bytes(tmp_path / "absent", [SHARD, CONFIG])


def test_only_what_is_still_missing_has_to_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path, "0" * 40)
    place.staging.mkdir(parents=True)
    piece_path(place.staging, SHARD.path).write_bytes(b"x" * 5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(100, 93, 7))
    require_space(place, "acme/tiny", [SHARD, CONFIG])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(100, 94, 6))
    with pytest.raises(NoSpaceError, match=r"acme/tiny needs 7 more bytes .* 6 bytes .* are free.* 1 bytes larger"):
        require_space(place, "acme/tiny", [SHARD, CONFIG])
