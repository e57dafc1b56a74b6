"""Connections that break, and such that are slow."""

from collections.abc import Callable

from lab.hub import Hub
from tests.cache.command import EXIT_RETRYABLE, Cache, wait_until
from tests.cache.proof import wanted_files
from tests.cache.repository import MIB, REPOSITORY, make_files, shard

RUNS = 20
"""After how many runs a download that never completes is given up."""

SHARDS = 5

WRITTEN_BYTES = MIB
"""How much of a stream may be in memory only: what the downloader writes at once."""


def complete(cache: Cache) -> None:
    """Run until it is complete, as the Job does."""
    for _ in range(RUNS):
        ended = cache.run()
        if ended.exit_code == 0:
            break
        assert EXIT_RETRYABLE == ended.exit_code, ended.stderr
    assert cache.published.is_dir()


def test_ten_connections_cut_at_random_bytes_leave_nothing_out(
    hub: Hub, cache: Cache, seed: int, record_property: Callable[[str, object], None]
) -> None:
    hub.push(REPOSITORY, make_files(shards=SHARDS, shard_bytes=12 * MIB, seed=seed))
    for number in range(SHARDS):
        hub.cut_at_random(shard(number, SHARDS), times=2, seed=seed)
    complete(cache)
    assert 10 == hub.cuts_made.total()
    record_property("cuts", hub.cuts_made.total())


def test_a_connection_that_is_cut_again_and_again_costs_only_what_was_not_written(hub: Hub, cache: Cache) -> None:
    hub.push(REPOSITORY, make_files(shard_bytes=24 * MIB))
    for _ in range(5):
        hub.cut(shard(), after_bytes=3 * MIB)
    complete(cache)
    size_bytes = sum(len(file.content) for file in wanted_files(hub, cache.commit).values())
    assert hub.bytes_sent.total() <= size_bytes + 5 * WRITTEN_BYTES


def test_a_small_file_whose_connection_is_cut_arrives(hub: Hub, cache: Cache) -> None:
    hub.cut("tokenizer.json", after_bytes=1000)
    hub.cut("config.json", after_bytes=0)
    complete(cache)


def test_a_slow_drip_arrives(hub: Hub, cache: Cache) -> None:
    hub.drip(shard(), bytes_per_second=MIB)
    assert 0 == cache.run().exit_code
    assert hub.count("GET", shard()) == 1, "it was given up and asked for again"


def test_what_dripped_before_a_kill_is_not_sent_again(hub: Hub, cache: Cache) -> None:
    hub.push(REPOSITORY, make_files(shard_bytes=24 * MIB))
    hub.drip(shard(), bytes_per_second=4 * MIB)
    hub.stall(shard(), after_bytes=5 * MIB)
    run = cache.start()
    wait_until(lambda: cache.held()[shard()] >= 5 * MIB - WRITTEN_BYTES)
    run.kill()
    hub.release()
    assert 0 == cache.run().exit_code
