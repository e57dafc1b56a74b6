"""Bytes that are wrong, too many or too few: on their way, and on the disk."""

import pytest

from lab.hub import ALWAYS, Hub
from tests.cache.command import EXIT_RETRYABLE, EXIT_TERMINAL, Cache, wait_until
from tests.cache.repository import MIB, REPOSITORY, SMALL, make_files, shard

RUNS = 5

FILES = (shard(), "tokenizer.json")
"""A file with a sha256, and one with a git blob id."""


@pytest.mark.parametrize("file", FILES)
def test_a_byte_that_is_wrong_once_is_fetched_again(hub: Hub, cache: Cache, file: str) -> None:
    hub.corrupt(file)
    assert 0 == cache.run().exit_code
    sizes = {path: len(content) for path, content in make_files().items() if path in {shard(), shard(1), *SMALL}}
    assert sizes | {file: 2 * sizes[file]} == dict(hub.bytes_sent)


@pytest.mark.parametrize("file", FILES)
def test_a_byte_that_is_always_wrong_is_terminal(hub: Hub, cache: Cache, file: str) -> None:
    hub.corrupt(file, times=ALWAYS)
    ended = cache.run()
    assert (EXIT_TERMINAL, "ChecksumMismatch") == (ended.exit_code, ended.reason)
    assert file in ended.outcome["message"]
    assert not cache.published.exists()


@pytest.mark.parametrize("by_bytes", [-100_000, 100_000])
@pytest.mark.parametrize("file", [shard(), shard(1)])
def test_a_length_that_is_wrong_once_leaves_nothing_out(hub: Hub, cache: Cache, file: str, by_bytes: int) -> None:
    hub.misstate_length(file, by_bytes)
    for _ in range(RUNS):
        if (ended := cache.run()).exit_code == 0:
            break
        assert EXIT_RETRYABLE == ended.exit_code, ended.stderr
    assert cache.published.is_dir()


@pytest.mark.parametrize("by_bytes", [-1, 1])
@pytest.mark.parametrize("file", FILES)
def test_a_size_that_is_always_described_wrongly_is_never_published(
    hub: Hub, cache: Cache, file: str, by_bytes: int
) -> None:
    hub.misstate_size(file, by_bytes)
    ended = cache.run()
    assert ended.exit_code in {EXIT_TERMINAL, EXIT_RETRYABLE}
    assert "Failed" == ended.outcome["outcome"]
    assert file in ended.outcome["message"]
    assert not cache.published.exists()


def test_a_piece_that_was_damaged_on_the_disk_is_fetched_anew(hub: Hub, cache: Cache) -> None:
    hub.push(REPOSITORY, make_files(shard_bytes=24 * MIB))
    hub.stall(shard(), after_bytes=16 * MIB)
    run = cache.start()
    wait_until(lambda: cache.held()[shard()] > 8 * MIB)
    run.kill()
    hub.release()
    beginning = make_files(shard_bytes=24 * MIB)[shard()][:16]
    pieces = [path for path in cache.staging.rglob("*") if path.is_file() and path.read_bytes()[:16] == beginning]
    assert [] != pieces
    for piece in pieces:
        piece.write_bytes(flip_bit(piece.read_bytes(), 5 * MIB))
    assert 0 == cache.run().exit_code


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_bit_in_a_published_directory_is_found_and_only_its_file_is_fetched_again(
    hub: Hub, cache: Cache, file: str
) -> None:
    assert 0 == cache.run().exit_code
    assert "Complete" == cache.verify().outcome["outcome"]
    damaged = cache.published / file
    damaged.write_bytes(flip_bit(damaged.read_bytes(), 1000))
    hub.bytes_sent.clear()

    ended = cache.verify()
    assert (EXIT_TERMINAL, "Damaged") == (ended.exit_code, ended.reason)
    assert file in ended.outcome["message"]
    assert not cache.published.exists(), "somebody could be started from it"
    assert 0 == cache.run().exit_code
    assert {file: damaged.stat().st_size} == dict(hub.bytes_sent)
    assert "Complete" == cache.verify().outcome["outcome"]


def flip_bit(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
