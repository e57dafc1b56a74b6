"""The real programs as processes, each run judged when it has ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.hub import Hub
from tests.cache.proof import assert_nothing_sent_twice, assert_whole_or_absent, held_bytes
from tests.cache.repository import REPOSITORY

EXIT_TERMINAL = 3

EXIT_RETRYABLE = 75

RUN_SECONDS = 120
"""After how long a run is taken for hanging; the longest waits for a rate limit of seconds."""


@dataclass(frozen=True)
class Ended:
    """What a run left."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def outcome(self) -> dict[str, Any]:
        """The JSON of the last line."""
        content: dict[str, Any] = json.loads(self.stdout.splitlines()[-1])
        return content

    @property
    def reason(self) -> str:
        """Why it failed; empty if it did not."""
        return str(self.outcome.get("reason", ""))


@dataclass
class Run:
    """A process and what it began with."""

    process: subprocess.Popen[bytes]
    hub: Hub
    volume: Path
    log: Path
    commit: str
    """The commit that the run shall bring."""
    held: Mapping[str, int]
    """What the disk held when it began, by file."""
    first_range: int
    """How many answers with files the hub had begun by then."""

    @property
    def stderr(self) -> str:
        """What it has logged so far."""
        return self.log.with_suffix(".err").read_text()

    def wait(self) -> Ended:
        """Wait for its end, and judge what it left."""
        self.process.wait(RUN_SECONDS)
        return self._judge()

    def kill(self) -> Ended:
        """End it as a node does that loses power; it may have ended before."""
        self.process.send_signal(signal.SIGKILL)
        return self.wait()

    def _judge(self) -> Ended:
        ended = Ended(self.process.returncode, self.log.with_suffix(".out").read_text(), self.stderr)
        assert_whole_or_absent(self.hub, self.volume)
        sent = [each for each in self.hub.ranges_sent[self.first_range :] if each.commit == self.commit]
        assert_nothing_sent_twice(self.held, sent)
        return ended


@dataclass
class Cache:
    """One volume that is filled from one hub."""

    hub: Hub
    volume: Path
    logs: Path
    token: str = ""
    runs: list[Run] = field(default_factory=list)
    """Every run of `nemotron-download`."""

    @property
    def commit(self) -> str:
        """The head of the repository."""
        return self.hub.commit(REPOSITORY)

    @property
    def published(self) -> Path:
        """Where the head is published."""
        return self.volume / self.commit

    @property
    def staging(self) -> Path:
        """Where the head is staged."""
        return self.volume / ".staging" / self.commit

    def held(self) -> dict[str, int]:
        """Tell how much of each file of the head the disk holds now."""
        return held_bytes(self.hub, self.volume, self.commit)

    def start(self, revision: str = "main", commit: str | None = None) -> Run:
        """Start a download of a revision; the commit is the one that it shall bring, if that is not the head."""
        wanted = commit or self.commit
        arguments = ["--repository", REPOSITORY, "--revision", revision, "--destination", str(self.volume)]
        log = self.logs / f"run-{len(self.runs) + 1}"
        held, first_range = held_bytes(self.hub, self.volume, wanted), len(self.hub.ranges_sent)
        process = self._popen("nemotron-download", arguments, log)
        run = Run(process, self.hub, self.volume, log, wanted, held, first_range)
        self.runs.append(run)
        return run

    def run(self, revision: str = "main", commit: str | None = None) -> Ended:
        """Download to the end."""
        return self.start(revision, commit).wait()

    def verify(self) -> Ended:
        """Let `nemotron-volume verify` read the head's published directory."""
        log = self.logs / "verify"
        arguments = ["verify", "--destination", str(self.volume), "--commit", self.commit]
        with self._popen("nemotron-volume", arguments, log) as process:
            process.wait(RUN_SECONDS)
        assert_whole_or_absent(self.hub, self.volume)
        return Ended(process.returncode, log.with_suffix(".out").read_text(), log.with_suffix(".err").read_text())

    def end(self) -> None:
        """Kill what a failed test left running."""
        for run in self.runs:
            if run.process.poll() is None:
                run.process.kill()
                run.process.wait(RUN_SECONDS)

    def _popen(self, program: str, arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
        settings = {
            "HF_ENDPOINT": self.hub.url,
            "HF_HOME": str(self.logs / "home"),
            "HF_HUB_DOWNLOAD_TIMEOUT": "60",
            "HF_TOKEN": self.token,
        }
        script = Path(sys.executable).with_name(program)
        message = ["--termination-message-path", str(log.with_suffix(".message"))]
        with log.with_suffix(".out").open("wb") as out, log.with_suffix(".err").open("wb") as err:
            return subprocess.Popen([script, *arguments, *message], env=os.environ | settings, stdout=out, stderr=err)


@contextmanager
def a_cache(hub: Hub, folder: Path) -> Iterator[Cache]:
    """Make an empty volume; no process outlives it."""
    volume, logs = folder / "volume", folder / "logs"
    volume.mkdir(parents=True, exist_ok=True)
    logs.mkdir()
    cache = Cache(hub, volume, logs)
    try:
        yield cache
    finally:
        cache.end()


def wait_until(happened: Callable[[], bool], interval_seconds: float = 0.01) -> None:
    """Wait for what must happen."""
    deadline = time.monotonic() + RUN_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(interval_seconds)
