import os
import threading
from pathlib import Path

import pytest

from nemotron_operator.downloader.errors import StoppedError, TooLongError, TooSlowError
from nemotron_operator.downloader.piece_file import PieceFile, SpeedLimit

LIMIT = SpeedLimit(bytes_per_second=10, window_seconds=5)


class Clock:
    """A clock that a test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "model.safetensors.nemotron-piece"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stopped() -> threading.Event:
    return threading.Event()


def test_what_is_written_is_in_the_file_at_once_behind_what_was_there(
    path: Path, stopped: threading.Event, clock: Clock
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"begun ")
    with PieceFile(path, stopped, LIMIT, clock) as piece:
        assert 6 == piece.size_bytes
        piece.write(b"and ")
        assert b"begun and " == path.read_bytes()
        piece.write(b"ended")
        assert 15 == piece.size_bytes


def test_a_piece_that_begins_anew_has_nothing_of_the_old_one(
    path: Path, stopped: threading.Event, clock: Clock
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"old")
    with PieceFile(path, stopped, LIMIT, clock) as piece:
        piece.restart()
        assert 0 == piece.size_bytes
        piece.write(b"new and longer")
    assert b"new and longer" == path.read_bytes()


def test_what_another_client_writes_counts(path: Path, stopped: threading.Event, clock: Clock) -> None:
    with PieceFile(path, stopped, LIMIT, clock) as piece:
        other = path.with_name("other")
        other.write_bytes(b"12345")
        other.rename(path)
        assert 5 == piece.size_bytes


def test_a_connection_that_drips_ends_after_the_window(path: Path, stopped: threading.Event, clock: Clock) -> None:
    with PieceFile(path, stopped, LIMIT, clock) as piece:
        for second in range(5):
            clock.seconds = second
            piece.write(b"x" * 9)
        clock.seconds = 5
        with pytest.raises(TooSlowError, match=r"49 bytes of .* came in 5 s, less than 10 bytes a second"):
            piece.write(b"x" * 4)
        assert 49 == piece.size_bytes, "what came is kept"


def test_a_connection_that_is_fast_enough_goes_on(path: Path, stopped: threading.Event, clock: Clock) -> None:
    with PieceFile(path, stopped, LIMIT, clock) as piece:
        for second in range(100):
            clock.seconds = second
            piece.write(b"x" * 13)


def test_a_fast_beginning_does_not_excuse_what_comes_later(path: Path, stopped: threading.Event, clock: Clock) -> None:
    with PieceFile(path, stopped, LIMIT, clock) as piece:
        piece.write(b"x" * 10_000)
        clock.seconds = 5
        piece.write(b"x")
        clock.seconds = 10
        with pytest.raises(TooSlowError):
            piece.write(b"x")


def test_a_file_is_not_fetched_further_when_another_has_failed(
    path: Path, stopped: threading.Event, clock: Clock
) -> None:
    with PieceFile(path, stopped, LIMIT, clock) as piece:
        stopped.set()
        with pytest.raises(StoppedError):
            piece.write(b"came")
    assert b"came" == path.read_bytes()


def test_a_file_that_goes_on_after_its_end_is_cut_off(path: Path, stopped: threading.Event, clock: Clock) -> None:
    path.parent.mkdir()
    path.write_bytes(b"begun ")
    with PieceFile(path, stopped, LIMIT, clock, announced_bytes=10) as piece:
        piece.write(b"1234")
        with pytest.raises(TooLongError):
            piece.write(b"5")
    assert b"begun 12345" == path.read_bytes(), "that it is too long can be seen"


def test_what_is_thrown_away_is_counted(path: Path, stopped: threading.Event, clock: Clock) -> None:
    with PieceFile(path, stopped, LIMIT, clock, announced_bytes=10) as piece:
        piece.write(b"1234")
        piece.restart()
        piece.write(b"1234567890")
        piece.restart()
        assert 14 == piece.discarded_bytes


def test_a_volume_that_takes_only_a_part_gets_the_rest(
    path: Path, stopped: threading.Event, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PieceFile(path, stopped, LIMIT, clock) as piece:
        file = piece._file

        class Reluctant:
            def write(self, data: memoryview) -> int:
                return os.write(file.fileno(), data[:3])

        monkeypatch.setattr(piece, "_file", Reluctant())
        piece.write(b"1234567")
        monkeypatch.undo()
    assert b"1234567" == path.read_bytes()
