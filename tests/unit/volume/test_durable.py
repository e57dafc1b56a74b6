import errno
import os
from pathlib import Path

import pytest

from nemotron_operator.volume.durable import replace_file, sync_directory
from nemotron_operator.volume.pages import forget_pages
from nemotron_operator.volume.place import Place
from nemotron_operator.volume.publish import take_back

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Say what was written to the disk, and with which names, in its order."""
    paths: list[Path] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        paths.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return paths


def test_a_file_is_on_the_disk_before_it_has_its_name_and_so_is_the_name(tmp_path: Path, synced: list[Path]) -> None:
    replace_file(tmp_path / "record.json", b"old")
    replace_file(tmp_path / "record.json", b"new")
    assert [tmp_path / "record.json.new", tmp_path] * 2 == synced
    assert b"new" == (tmp_path / "record.json").read_bytes()
    assert [tmp_path / "record.json"] == list(tmp_path.iterdir())


def test_what_is_taken_back_is_gone_for_good_before_a_file_of_it_is_removed(tmp_path: Path, synced: list[Path]) -> None:
    place = Place(tmp_path, COMMIT)
    place.published.mkdir()
    place.staging.parent.mkdir()
    take_back(place)
    assert [place.staging.parent, tmp_path] == synced


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_knows_no_fsync_is_let_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setattr(os, "fsync", _raiser(code))
    sync_directory(tmp_path)
    forget_pages(tmp_path / "file")


def test_a_disk_that_fails_to_write_is_no_such_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setattr(os, "fsync", _raiser(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        sync_directory(tmp_path)
    with pytest.raises(OSError, match="Input/output error"):
        forget_pages(tmp_path / "file")


def _raiser(code: int) -> object:
    def fail(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    return fail
