"""Processes that end in the middle of their work."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from lab.hub import Hub
from tests.cache.command import RUN_SECONDS, Cache, Run, a_cache, wait_until
from tests.cache.proof import MANIFEST, wanted_files
from tests.cache.repository import MIB, REPOSITORY, make_files, shard

SHARDS = 4

SHARD_BYTES = 32 * MIB

FETCH_BYTES_PER_SECOND = 16 * MIB
"""How fast each shard comes, so that a download takes longer than a process that only starts."""


class Stage(StrEnum):
    """How far a download is, as the disk shows it."""

    FETCH = "fetch"
    VERIFY = "verify"
    PUBLISH = "publish"
    PUBLISHED = "published"


KILLS = {Stage.FETCH: 6, Stage.VERIFY: 2, Stage.PUBLISH: 2}
"""How many kills land in each stage, at least."""

LONGEST_WAIT_SECONDS = {Stage.FETCH: 1.5, Stage.VERIFY: 0.06, Stage.PUBLISH: 0.002}
"""How long after the begin of a stage the kill comes at most; about as long as the stage takes."""

STEP_SECONDS = 0.001
"""How far a run is let go between two looks at a short stage."""

MOST_KILLS = 80
"""After how many kills a stage that is never hit is given up."""


def find_stage(cache: Cache) -> Stage:
    if cache.published.exists():
        return Stage.PUBLISHED
    if (cache.staging / MANIFEST).exists():
        return Stage.PUBLISH
    sizes = {path: len(file.content) for path, file in wanted_files(cache.hub, cache.commit).items()}
    return Stage.VERIFY if all(_size_bytes(cache.staging / p) == size for p, size in sizes.items()) else Stage.FETCH


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def kill_in(stage: Stage, cache: Cache, source: random.Random) -> Stage | None:
    """Kill a run at a random moment of a stage; give the stage that it was really in, None if it had ended."""
    run = cache.start()
    wait_for_stage(stage, cache, run)
    assert run.process.returncode in {None, 0}, run.stderr
    time.sleep(source.uniform(0, LONGEST_WAIT_SECONDS[stage]))
    ended = run.kill()
    return find_stage(cache) if ended.exit_code < 0 else None


def wait_for_stage(stage: Stage, cache: Cache, run: Run) -> None:
    """Let a run get as far as a stage.

    Notes
    -----
    To publish takes a millisecond or two, less than this process may be kept waiting on a busy machine. So the run is
    let go in steps, and stands still while the disk is looked at.
    """
    order = list(Stage)

    def is_there() -> bool:
        return order.index(find_stage(cache)) >= order.index(stage) or run.process.poll() is not None

    if stage is not Stage.PUBLISH:
        wait_until(is_there, interval_seconds=0.001)
        return
    deadline = time.monotonic() + RUN_SECONDS
    while not is_there():
        assert time.monotonic() < deadline
        run.process.send_signal(signal.SIGCONT)
        time.sleep(STEP_SECONDS)
        run.process.send_signal(signal.SIGSTOP)
    run.process.send_signal(signal.SIGCONT)


def test_ten_kills_at_random_moments_of_fetch_verify_and_publish(
    seed: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    source, landed = random.Random(seed), Counter[Stage]()  # noqa: S311 - a moment is no secret
    with Hub({REPOSITORY: make_files(SHARDS, SHARD_BYTES, seed)}) as hub:
        for number in range(SHARDS):
            hub.drip(shard(number, SHARDS), FETCH_BYTES_PER_SECOND)
        number = 0
        while any(landed[stage] < times for stage, times in KILLS.items()):
            number += 1
            with a_cache(hub, tmp_path / str(number)) as cache:
                kill_on_one_volume(cache, source, landed)
                assert 0 == cache.run().exit_code
                assert Stage.PUBLISHED == find_stage(cache)
    for stage, times in landed.items():
        record_property(f"kills in stage {stage}", times)


def kill_on_one_volume(cache: Cache, source: random.Random, landed: Counter[Stage]) -> None:
    """Kill runs on one volume until every stage was hit as often as it shall be, or no stage is left to be hit.

    Notes
    -----
    A publish that was killed has written the files to the disk: the next one on that volume is too short to be hit.
    """
    for stage, times in KILLS.items():
        while landed[stage] < times:
            assert landed.total() < MOST_KILLS, landed
            if stage is not Stage.FETCH:
                cache.hub.release()
            hit = kill_in(stage, cache, source)
            if hit is not None:
                landed[hit] += 1
            if hit is Stage.PUBLISH or cache.published.exists():
                return


def test_of_two_writers_one_works_and_the_other_takes_over_when_it_is_killed(hub: Hub, cache: Cache) -> None:
    hub.push(REPOSITORY, make_files(shard_bytes=24 * MIB))
    hub.stall(shard(), after_bytes=13 * MIB)
    runs = [cache.start(), cache.start()]
    lock = wait_for_both(cache, runs)
    holder = next(run for run in runs if is_holder(lock, run))
    other = next(run for run in runs if run is not holder)
    wait_until(lambda: hub.bytes_sent[shard()] > 12 * MIB and is_all_there_but(shard(), cache))
    hub.stall(shard(), after_bytes=0)  # the next writer gets nothing before it was looked at what the first one left
    other.first_range = len(hub.ranges_sent)
    holder.kill()
    other.held = cache.held()
    hub.release()
    ended = other.wait()
    assert 0 == ended.exit_code, ended.stderr
    assert Stage.PUBLISHED == find_stage(cache)


def is_all_there_but(file: str, cache: Cache) -> bool:
    """Tell whether the disk holds every other file whole: of those nothing is fetched any more."""
    held, wanted = cache.held(), wanted_files(cache.hub, cache.commit)
    return all(held[path] == len(each.content) for path, each in wanted.items() if path != file)


def test_of_two_writers_that_nobody_kills_only_one_fetches(hub: Hub, cache: Cache) -> None:
    hub.stall(shard(), after_bytes=MIB)
    runs = [cache.start(), cache.start()]
    wait_for_both(cache, runs)
    hub.release()
    assert [0, 0] == [run.wait().exit_code for run in runs]
    sizes = {path: len(file.content) for path, file in wanted_files(hub, cache.commit).items()}
    assert sizes == dict(hub.bytes_sent)


def wait_for_both(cache: Cache, runs: list[Run]) -> Path:
    """Wait until one run holds the lock of the commit and the other waits for it; give the lock's file."""
    lock = cache.staging.with_name(f"{cache.commit}.lock")
    wait_until(lambda: lock.exists() and all(lock_lines(lock, run) for run in runs))
    return lock


def is_holder(lock: Path, run: Run) -> bool:
    return any("->" not in line for line in lock_lines(lock, run))


def lock_lines(lock: Path, run: Run) -> list[str]:
    """Give what the kernel says of a process that holds a lock, or waits for it."""
    inode, pid = str(lock.stat().st_ino), str(run.process.pid)
    lines = Path("/proc/locks").read_text().splitlines()
    return [line for line in lines if pid in line.split() and f":{inode} " in line]
