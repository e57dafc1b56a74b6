"""Volumes that are too small, run full, or cannot be written."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab.hub import Hub
from tests.cache.command import EXIT_TERMINAL, Cache, wait_until
from tests.cache.repository import MIB, REPOSITORY, make_files, shard


@pytest.fixture
def volume(cache: Cache) -> Iterator[Path]:
    """The cache's volume as a file system of its own, of 16 MiB."""
    mounted = mount("-t", "tmpfs", "-o", "size=16m", "none", str(cache.volume))
    if mounted.returncode:
        pytest.skip(f"this user cannot mount a file system here: {mounted.stderr.strip()}")
    yield cache.volume
    cache.end()
    subprocess.run(["umount", cache.volume], check=True, timeout=60)  # noqa: S607 - found on PATH


def mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Mount something."""
    return subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True, timeout=60)  # noqa: S607


def fill(path: Path) -> None:
    """Write a file until no byte more has room."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def remount(volume: Path, option: str) -> None:
    assert 0 == mount("-o", f"remount,{option}", str(volume)).returncode


def test_what_does_not_fit_is_refused_before_a_byte_is_fetched(hub: Hub, cache: Cache, volume: Path) -> None:
    hub.push(REPOSITORY, make_files(shard_bytes=12 * MIB))
    ended = cache.run()
    assert (EXIT_TERMINAL, "NoSpace") == (ended.exit_code, ended.reason)
    assert str(volume) in ended.outcome["message"]
    assert 0 == hub.bytes_sent.total()


def test_a_volume_that_runs_full_meanwhile_keeps_what_arrived(hub: Hub, cache: Cache, volume: Path) -> None:
    hub.push(REPOSITORY, make_files(shard_bytes=7 * MIB))
    hub.stall(shard(), after_bytes=4 * MIB)
    run = cache.start()
    wait_until(lambda: cache.held()[shard()] > 3 * MIB and cache.held()[shard(1)] == 7 * MIB)
    filler = volume / ".filler"
    fill(filler)
    hub.release()
    ended = run.wait()
    assert (EXIT_TERMINAL, "NoSpace") == (ended.exit_code, ended.reason)
    filler.unlink()
    assert 0 == cache.run().exit_code
    assert hub.bytes_sent[shard(1)] == 7 * MIB


def test_a_read_only_volume_is_refused(hub: Hub, cache: Cache, volume: Path) -> None:
    remount(volume, "ro")
    ended = cache.run()
    assert (EXIT_TERMINAL, "VolumeNotWritable") == (ended.exit_code, ended.reason)
    assert 0 == hub.bytes_sent.total()
    remount(volume, "rw")
    assert 0 == cache.run().exit_code


def test_a_commit_that_lies_on_a_read_only_volume_is_complete(hub: Hub, cache: Cache, volume: Path) -> None:
    assert 0 == cache.run().exit_code
    remount(volume, "ro")
    hub.answer(503)
    assert 0 == cache.run(revision=cache.commit).exit_code
