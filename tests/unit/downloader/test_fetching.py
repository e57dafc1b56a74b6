import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from nemotron_operator.downloader.errors import (
    ChecksumMismatchError,
    DownloadError,
    GatedRepositoryError,
    HubUnavailableError,
)
from nemotron_operator.downloader.fetching import Fetching
from nemotron_operator.downloader.origin import Description, Piece
from nemotron_operator.volume import durable
from nemotron_operator.volume.digest import Digest, DigestKind
from nemotron_operator.volume.manifest import ManifestFile
from nemotron_operator.volume.piece import piece_path
from nemotron_operator.volume.remote_file import RemoteFile
from tests.unit.downloader.command import BRISK

COMMIT = "0" * 40

CONTENTS: Mapping[str, bytes] = {"a.safetensors": b"a" * 100, "deep/b.safetensors": b"b" * 50}

Answer = Callable[[RemoteFile, Piece], None]


class Origin:
    """An origin whose answers a test writes."""

    label = "acme/tiny"
    revision = COMMIT

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self.asked: list[tuple[str, int]] = []
        """Which files were asked for, from which byte on."""

    def describe(self, revision: str) -> Description:
        raise AssertionError(revision)

    def fetch(self, commit: str, file: RemoteFile, piece: Piece) -> None:
        assert COMMIT == commit
        with self._lock:
            self.asked.append((file.path, piece.size_bytes))
        self._answer(file, piece)


def send(file: RemoteFile, piece: Piece) -> None:
    piece.write(CONTENTS[file.path][piece.size_bytes :])


def remote(path: str) -> RemoteFile:
    content = CONTENTS[path]
    return RemoteFile(path, len(content), Digest(DigestKind.SHA256, hashlib.sha256(content).hexdigest()))


FILES = tuple(remote(path) for path in CONTENTS)

VERIFIED = [ManifestFile(file.path, file.size_bytes, file.digest.value) for file in FILES]


def run(origin: Origin, staging: Path) -> tuple[list[ManifestFile], int]:
    return Fetching(origin, COMMIT, staging, BRISK).fetch_all(FILES)


def assert_whole(staging: Path) -> None:
    found = {str(path.relative_to(staging)): path.read_bytes() for path in staging.rglob("*") if path.is_file()}
    assert CONTENTS == found


def test_every_file_is_fetched_once_and_verified(tmp_path: Path) -> None:
    origin = Origin(send)
    assert (VERIFIED, 150) == run(origin, tmp_path)
    assert [("a.safetensors", 0), ("deep/b.safetensors", 0)] == sorted(origin.asked)
    assert_whole(tmp_path)


def test_what_is_there_is_verified_and_not_fetched(tmp_path: Path) -> None:
    run(Origin(send), tmp_path)
    origin = Origin(send)
    assert (VERIFIED, 0) == run(origin, tmp_path)
    assert [] == origin.asked


def test_a_piece_is_completed_from_where_it_ends(tmp_path: Path) -> None:
    piece_path(tmp_path, "a.safetensors").write_bytes(CONTENTS["a.safetensors"][:30])
    origin = Origin(send)
    assert (VERIFIED, 120) == run(origin, tmp_path)
    assert ("a.safetensors", 30) in origin.asked


def test_a_piece_that_is_whole_is_not_asked_for(tmp_path: Path) -> None:
    piece_path(tmp_path, "a.safetensors").write_bytes(CONTENTS["a.safetensors"])
    origin = Origin(send)
    assert (VERIFIED, 50) == run(origin, tmp_path)
    assert [("deep/b.safetensors", 0)] == origin.asked


@pytest.mark.parametrize("wrong", [b"?" * 100, b"a" * 101, b"a" * 99 + b"?"])
def test_a_wrong_file_on_the_volume_is_fetched_and_one_that_comes_wrong_once_more(tmp_path: Path, wrong: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(wrong)
    arrivals: list[str] = []

    def send_wrong_once(file: RemoteFile, piece: Piece) -> None:
        arrivals.append(file.path)
        if 1 == arrivals.count("a.safetensors") and file.path == "a.safetensors":
            piece.write(wrong)
        else:
            send(file, piece)

    origin = Origin(send_wrong_once)
    files, _ = run(origin, tmp_path)
    assert VERIFIED == files
    assert 2 == arrivals.count("a.safetensors")
    assert_whole(tmp_path)


@pytest.mark.parametrize("wrong", [b"?" * 100, b"a" * 101])
def test_a_file_that_comes_wrong_twice_is_wrong_for_good(tmp_path: Path, wrong: bytes) -> None:
    def send_wrong(file: RemoteFile, piece: Piece) -> None:
        if file.path == "a.safetensors":
            piece.write(wrong)
        else:
            send(file, piece)

    origin = Origin(send_wrong)
    with pytest.raises(ChecksumMismatchError, match=r"a\.safetensors of acme/tiny at 0{40} arrived wrong twice"):
        run(origin, tmp_path)
    assert 2 == origin.asked.count(("a.safetensors", 0))
    assert not (tmp_path / "a.safetensors").exists()


def test_a_file_that_is_shorter_than_announced_is_wrong_for_good(tmp_path: Path) -> None:
    def send_short(file: RemoteFile, piece: Piece) -> None:
        piece.write(CONTENTS[file.path][piece.size_bytes : 40])

    with pytest.raises(ChecksumMismatchError, match=r"expected \d+ bytes, found 40 bytes"):
        run(Origin(send_short), tmp_path)


def test_an_answer_that_never_ends_is_cut_off_and_wrong_for_good(tmp_path: Path) -> None:
    def send_for_ever(_file: RemoteFile, piece: Piece) -> None:
        for _ in range(1000):
            piece.write(b"?" * 1000)

    with pytest.raises(ChecksumMismatchError, match=r"expected \d+ bytes, found 1000 bytes"):
        run(Origin(send_for_ever), tmp_path)


def test_what_an_origin_sends_once_more_from_the_beginning_is_counted_twice(tmp_path: Path) -> None:
    def send_all(file: RemoteFile, piece: Piece) -> None:
        if piece.size_bytes:
            piece.restart()
        elif file.path == "a.safetensors":
            piece.write(CONTENTS[file.path][:30])
            raise HubUnavailableError("cut")
        piece.write(CONTENTS[file.path])

    assert (VERIFIED, 180) == run(Origin(send_all), tmp_path)


def test_what_a_run_before_left_and_the_origin_sends_anew_is_counted(tmp_path: Path) -> None:
    piece_path(tmp_path, "a.safetensors").write_bytes(CONTENTS["a.safetensors"][:30])

    def send_all(file: RemoteFile, piece: Piece) -> None:
        piece.restart()
        piece.write(CONTENTS[file.path])

    assert (VERIFIED, 150) == run(Origin(send_all), tmp_path)


def test_a_link_is_no_file_of_the_model(tmp_path: Path) -> None:
    elsewhere, staging = tmp_path / "elsewhere", tmp_path / "staging"
    elsewhere.write_bytes(CONTENTS["a.safetensors"])
    staging.mkdir()
    (staging / "a.safetensors").symlink_to(elsewhere)
    assert (VERIFIED, 150) == run(Origin(send), staging)
    assert not (staging / "a.safetensors").is_symlink()
    assert CONTENTS["a.safetensors"] == elsewhere.read_bytes()


def test_a_file_that_the_disk_did_not_take_is_not_trusted_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        if path.name == "a.safetensors":
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(durable, "sync_file", fail)
    with pytest.raises(OSError, match="Input/output error"):
        run(Origin(send), tmp_path)
    assert not (tmp_path / "a.safetensors").exists()


def test_an_answer_that_ends_early_is_gone_on_with(tmp_path: Path) -> None:
    def send_a_bit(file: RemoteFile, piece: Piece) -> None:
        first = piece.size_bytes
        piece.write(CONTENTS[file.path][first : first + 30])

    origin = Origin(send_a_bit)
    assert (VERIFIED, 150) == run(origin, tmp_path)
    assert [0, 30, 60, 90] == [first for path, first in origin.asked if path == "a.safetensors"]


def test_an_origin_that_answers_nothing_is_given_up_and_what_came_is_kept(tmp_path: Path) -> None:
    def send_a_bit_and_fail(file: RemoteFile, piece: Piece) -> None:
        if not piece.size_bytes:
            piece.write(CONTENTS[file.path][:10])
        raise HubUnavailableError("busy")

    origin = Origin(send_a_bit_and_fail)
    with pytest.raises(HubUnavailableError, match="busy"):
        run(origin, tmp_path)
    assert 10 == piece_path(tmp_path, "a.safetensors").stat().st_size
    assert len(origin.asked) <= 2 * (1 + BRISK.attempts)


def test_what_a_person_has_to_act_on_is_told_first_and_ends_the_others(tmp_path: Path) -> None:
    refused = threading.Event()

    def refuse_one(file: RemoteFile, _piece: Piece) -> None:
        if file.path == "a.safetensors":
            refused.set()
            raise GatedRepositoryError("Accept it.")
        assert refused.wait(10)
        raise HubUnavailableError("busy")

    with pytest.raises(GatedRepositoryError):
        run(Origin(refuse_one), tmp_path)


def test_a_long_answer_ends_when_another_file_failed(tmp_path: Path) -> None:
    began = threading.Event()

    def drip(file: RemoteFile, piece: Piece) -> None:
        if file.path == "a.safetensors":
            assert began.wait(10)
            raise GatedRepositoryError("Accept it.")
        for _ in range(1_000_000):
            piece.write(b"b")
            began.set()

    files = FILES[0], replace(FILES[1], size_bytes=1_000_000)
    with pytest.raises(DownloadError, match="Accept it"):
        Fetching(Origin(drip), COMMIT, tmp_path, BRISK).fetch_all(files)
    assert piece_path(tmp_path, "deep/b.safetensors").stat().st_size < 1_000_000


def test_a_directory_in_the_place_of_a_file_gives_way(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors" / "deep").mkdir(parents=True)
    assert (VERIFIED, 150) == run(Origin(send), tmp_path)
    assert_whole(tmp_path)
