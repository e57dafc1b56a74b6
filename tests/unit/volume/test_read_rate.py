import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nemotron_operator.volume import read_rate
from nemotron_operator.volume.mounts import file_system_of
from nemotron_operator.volume.pages import forget_pages
from nemotron_operator.volume.read_rate import measure_read_rate

KIB = 1 << 10


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two files of 100 KiB, of which 150 KiB in blocks of 16 KiB are a sample that is large enough."""
    monkeypatch.setattr(read_rate, "BLOCK_BYTES", 16 * KIB)
    monkeypatch.setattr(read_rate, "SAMPLE_BYTES", 150 * KIB)
    monkeypatch.setattr(read_rate, "LEAST_SAMPLE_BYTES", 150 * KIB)
    monkeypatch.setattr(read_rate, "_is_in_memory", lambda _block: False)
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in paths:
        path.write_bytes(os.urandom(100 * KIB))
    return paths


def ticking(seconds: float) -> Callable[[], float]:
    """Give a clock that goes on by so much each time that somebody looks."""
    ticks = itertools.count(0.0, seconds)
    return lambda: next(ticks)


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
def test_the_rate_is_that_of_the_sample(weights: list[Path], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(read_rate, "file_system_of", lambda _path: kind)
    blocks = 7 + 4  # of the first file and of the second
    elapsed_seconds = blocks + 1  # the clock is read before each block, and at the end
    monkeypatch.setattr(read_rate, "LONGEST_SECONDS", 100.0)
    assert 150 * KIB // elapsed_seconds == measure_read_rate(weights, ticking(1.0))


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
def test_a_slow_volume_is_not_read_for_long(weights: list[Path], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(read_rate, "file_system_of", lambda _path: kind)
    assert 16 * KIB // 3 == measure_read_rate(weights, ticking(1.0)), "one block before the second second"


def test_files_that_are_too_small_tell_nothing(weights: list[Path]) -> None:
    assert None is measure_read_rate(weights[:1])
    assert None is measure_read_rate([])


def test_what_stays_in_memory_tells_nothing(weights: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_rate, "_is_in_memory", lambda _block: True)
    assert None is measure_read_rate(weights)


def test_what_was_just_written_is_put_out_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(os.urandom(8 << 20))
    block = read_rate.Block(path, 0, 8 << 20)
    if not read_rate._is_in_memory(block):
        pytest.skip("this file system does not say what is in memory")
    forget_pages(path)
    assert not read_rate._is_in_memory(block)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/models/a", "nfs4"),
        ("/models", "nfs4"),
        ("/models-of-mine", "ext4"),
        ("/my models/a", "lustre"),
        ("/", "ext4"),
    ],
)
def test_a_path_lies_on_the_deepest_mount(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nserver:/x /models nfs4 rw 0 0\no2ib:/y /my\\040models lustre rw 0 0\nodd\n"
    )
    assert kind == file_system_of(Path(path), mounts)


def test_without_a_list_of_mounts_the_file_system_is_unknown(tmp_path: Path) -> None:
    assert "" == file_system_of(tmp_path, tmp_path / "absent")


def test_a_path_of_this_machine_lies_on_some_file_system(tmp_path: Path) -> None:
    assert "" != file_system_of(tmp_path)
