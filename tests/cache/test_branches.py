"""Branches that move while a download is under way."""

from lab.hub import Hub
from tests.cache.command import Cache, wait_until
from tests.cache.repository import MIB, REPOSITORY, make_files, shard


def begin(hub: Hub, cache: Cache) -> str:
    """Kill a run in the middle of the branch's first commit, then move the branch; give the first commit."""
    first = hub.push(REPOSITORY, make_files(shard_bytes=24 * MIB))
    hub.stall(shard(), after_bytes=16 * MIB)
    run = cache.start()
    wait_until(lambda: cache.held()[shard()] > 8 * MIB)
    run.kill()
    hub.release()
    hub.push(REPOSITORY, make_files(shard_bytes=24 * MIB, seed=2))
    return first


def test_a_run_goes_on_with_the_commit_that_the_branch_was_resolved_to(hub: Hub, cache: Cache) -> None:
    first = begin(hub, cache)
    ended = cache.run(commit=first)
    assert (0, first) == (ended.exit_code, ended.outcome["commit"])
    assert {first} == {sent.commit for sent in hub.ranges_sent}
    assert [first] == [path.name for path in cache.volume.iterdir() if not path.name.startswith(".")]


def test_a_commit_that_is_named_is_fetched_beside_the_one_of_the_branch(hub: Hub, cache: Cache) -> None:
    first = begin(hub, cache)
    assert 0 == cache.run(commit=first).exit_code
    assert 0 == cache.run(revision=cache.commit).exit_code
    names = {path.name for path in cache.volume.iterdir() if not path.name.startswith(".")}
    assert {first, cache.commit} == names
