"""Downloads of one repository by several programs, in turn, from one hub onto one disk."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.hub_process import HubProcess
from tests.bench.timed_process import TimedProcess, time_process

REPOSITORY = "acme/gigabytes"
"""The repository that is fetched."""

OURS = "nemotron-download"

CLIENT = "hf download"

CURL = "curl"

READ_BYTES = 1 << 20
"""How much is read at once into the page cache."""

_DROP_CACHES = Path("/proc/sys/vm/drop_caches")


@dataclass(frozen=True)
class Bench:
    """What every measured command gets."""

    hub: HubProcess
    """The hub that serves the source."""

    folder: Path
    """On the disk that is measured."""

    @property
    def source(self) -> Path:
        """The files of the repository."""
        return self.folder / "source"

    @property
    def destination(self) -> Path:
        """What is filled."""
        return self.folder / "destination"

    @property
    def environment(self) -> Mapping[str, str]:
        """What all programs get; bars cost time, and nobody sees them here."""
        home = str(self.folder / "home")
        return {"HF_ENDPOINT": self.hub.url, "HF_HOME": home, "HF_TOKEN": "", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}

    def download(self, revision: str = "main") -> list[str | Path]:
        """Give our command."""
        return [
            *(_find_script("nemotron-download"), "--repository", REPOSITORY, "--revision", revision),
            *("--destination", self.destination, "--termination-message-path", self.folder / "message"),
        ]

    def time(self, command: Sequence[str | Path]) -> TimedProcess:
        """Run a command to its end."""
        return time_process(command, self.environment, self.folder / "log")


@dataclass(frozen=True)
class Fetch:
    """One download of the whole repository."""

    process: TimedProcess
    """The program."""

    disk_seconds: float
    """From its start until all was on the disk."""


def measure_fetches(bench: Bench, runs: int, say: Callable[[str], None]) -> dict[str, list[Fetch]]:
    """Let all programs take turns, each time in another order, so that each meets the same load and the same disk.

    Notes
    -----
    A first round is thrown away: it reads the programs from the disk.
    """
    commands = _commands(bench)
    fetches: dict[str, list[Fetch]] = {name: [] for name in commands}
    for number in range(runs + 1):
        turn = number % len(commands)
        for name in [*commands][turn:] + [*commands][:turn]:
            fetch = _fetch(bench, commands[name])
            say(f"round {number}: {name} {fetch.process.seconds:.1f} s, on the disk {fetch.disk_seconds:.1f} s")
            if number:
                fetches[name].append(fetch)
    return fetches


def empty_page_cache() -> bool:
    """Write everything out and forget what lies in memory; tell whether this user may."""
    os.sync()
    try:
        _DROP_CACHES.write_text("3")
    except OSError:
        return False
    return True


def _commands(bench: Bench) -> dict[str, list[str | Path]]:
    """Give the commands that are compared; all fetch the same files."""
    commands: dict[str, list[str | Path]] = {
        OURS: bench.download(),
        CLIENT: [_find_script("hf"), "download", REPOSITORY, "--local-dir", bench.destination],
    }
    if curl := shutil.which("curl"):
        options = ("--silent", "--fail", "--parallel", "--parallel-immediate", "--output-dir")
        address = f"{bench.hub.url}/{REPOSITORY}/resolve/{bench.hub.commit}"
        names = sorted(path.name for path in bench.source.iterdir())
        commands[CURL] = [
            curl,
            *options,
            bench.destination,
            *(part for n in names for part in ("--output", n, f"{address}/{n}")),
        ]
    return commands


def _fetch(bench: Bench, command: Sequence[str | Path]) -> Fetch:
    """Fetch into an empty directory on a quiet disk; in memory there is the source and nothing else."""
    shutil.rmtree(bench.destination, ignore_errors=True)
    bench.destination.mkdir()
    empty_page_cache()
    for path in bench.source.iterdir():
        _read(path)
    process = bench.time(command)
    sync = time_process(["sync", "--file-system", bench.destination], {}, bench.folder / "sync")
    return Fetch(process, process.seconds + sync.seconds)


def _read(path: Path) -> None:
    buffer = bytearray(READ_BYTES)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _find_script(name: str) -> Path:
    return Path(sys.executable).with_name(name)
