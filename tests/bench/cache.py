"""The speed of the cache: a repository of gigabytes from a hub on this machine, ours beside what others use."""

import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.directories import lab_home
from tests.bench.fetches import CLIENT, CURL, OURS, REPOSITORY, Bench, Fetch, empty_page_cache, measure_fetches
from tests.bench.hub_process import serve_folder
from tests.bench.table import print_figure, print_seconds
from tests.bench.timed_process import TimedProcess

GIB = 1 << 30
"""Bytes in a GiB."""

MB = 1e6
"""Bytes in a megabyte, the unit of rates."""

SHARDS = 6
"""Files of random bytes."""

SHARD_BYTES = GIB // 2
"""The size of each."""

SIZE_BYTES = SHARDS * SHARD_BYTES
"""The size of the repository, but for a few small files."""

SMALL_FILES = ("config.json", "generation_config.json", "model.safetensors.index.json", "tokenizer.json")
"""Files that git itself keeps."""

RUNS = 5
"""How often each is measured."""

FREE_BYTES = 3 * SIZE_BYTES
"""What has to be free on the disk: source, destination, and as much again for others."""

AVAILABLE_BYTES = 2 * SIZE_BYTES + 2 * GIB
"""What has to be free in memory: the source, what was not yet written of the destination, and the programs."""


def measure_cache(say: Callable[[str], None]) -> None:
    """Measure and print, or say why it cannot be measured here."""
    lab_home().mkdir(parents=True, exist_ok=True)
    if reason := _why_not(lab_home()):
        print_figure("a repository of gigabytes onto the disk", "not measured")
        say(reason)
        return
    with tempfile.TemporaryDirectory(prefix="bench-cache-", dir=lab_home()) as folder:
        _make_repository(Path(folder) / "source")
        with serve_folder(Path(folder) / "source", REPOSITORY) as hub:
            bench = Bench(hub, Path(folder))
            load = os.getloadavg()[0]
            fetches = measure_fetches(bench, RUNS, say)
            _report(fetches, load)
            _measure_second_start(bench)


def _why_not(folder: Path) -> str | None:
    """Say what this machine lacks."""
    free_bytes, available_bytes = shutil.disk_usage(folder).free, _available_bytes()
    if free_bytes < FREE_BYTES:
        return f"{folder} has {free_bytes / GIB:.1f} GiB free, and {FREE_BYTES / GIB:.0f} GiB are needed"
    if available_bytes < AVAILABLE_BYTES:
        return f"{available_bytes / GIB:.1f} GiB of memory are free, and {AVAILABLE_BYTES / GIB:.0f} GiB are needed"
    return None


def _available_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))


def _make_repository(folder: Path) -> None:
    folder.mkdir()
    for name in SMALL_FILES:
        (folder / name).write_text(json.dumps([name] * 1000))
    for number in range(1, SHARDS + 1):
        with (folder / f"model-{number:05}-of-{SHARDS:05}.safetensors").open("wb") as file:
            for _ in range(SHARD_BYTES >> 20):
                file.write(os.urandom(1 << 20))


def _report(fetches: Mapping[str, Sequence[Fetch]], load: float) -> None:
    print(
        f"{SIZE_BYTES / GIB:.0f} GiB in {SHARDS} shards from a hub on this machine, programs in turn, page cache empty"
    )
    print_figure("load average before", f"{load:.1f}")
    print_figure(f"figures of {RUNS} runs each", "shortest / median")
    for name, runs in fetches.items():
        print_seconds(f"{name}: start to end", [run.process.seconds for run in runs])
        print_seconds(f"{name}: start to all of it on the disk", [run.disk_seconds for run in runs])
        print_figure("  rate to the end, median", f"{_median_rate(runs) / MB:.0f} MB/s")
        print_figure("  CPU, median", f"{statistics.median(run.process.cpu_seconds for run in runs):.2f} s")
    if CURL not in fetches:
        print_figure("curl is not installed", "not measured")
    for other in (name for name in (CLIENT, CURL) if name in fetches):
        _print_ratio(
            f"{OURS} over {other}: start to end", fetches[OURS], fetches[other], lambda run: run.process.seconds
        )
        _print_ratio(f"{OURS} over {other}: to the disk", fetches[OURS], fetches[other], lambda run: run.disk_seconds)


def _median_rate(runs: Sequence[Fetch]) -> float:
    return SIZE_BYTES / statistics.median(run.process.seconds for run in runs)


def _print_ratio(what: str, ours: Sequence[Fetch], others: Sequence[Fetch], seconds: Callable[[Fetch], float]) -> None:
    """Print the smallest and the median of the ratios of each round."""
    ratios = [seconds(our) / seconds(other) for our, other in zip(ours, others, strict=True)]
    print_figure(what, f"{min(ratios):.2f} / {statistics.median(ratios):.2f}")


def _measure_second_start(bench: Bench) -> None:
    """Start ours again on a full cache, by branch and by commit, with an empty and with a warm page cache."""
    bench.time(bench.download())
    for revision, what in (("main", "a branch"), (bench.hub.commit, "a commit")):
        sent_bytes = bench.hub.count_sent_bytes()
        cold = [_start_cold(bench, revision) for _ in range(RUNS)]
        warm = [bench.time(bench.download(revision)) for _ in range(RUNS)]
        print_seconds(f"second start with {what}, page cache empty", [run.seconds for run in cold])
        print_seconds(f"second start with {what}, page cache warm", [run.seconds for run in warm])
        print_figure("  bytes of files from the hub", str(bench.hub.count_sent_bytes() - sent_bytes))
        print_figure("  read from the disk, page cache empty", f"{_median_disk_bytes(cold) / MB:.1f} MB")
        print_figure("  read of files, page cache warm", f"{statistics.median(r.read_bytes for r in warm) / MB:.1f} MB")


def _start_cold(bench: Bench, revision: str) -> TimedProcess:
    empty_page_cache()
    return bench.time(bench.download(revision))


def _median_disk_bytes(runs: Sequence[TimedProcess]) -> float:
    return statistics.median(run.disk_read_bytes for run in runs)
