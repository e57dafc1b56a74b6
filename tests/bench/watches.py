"""Watches on a cluster with a real node: kubectl's on its objects, containerd's own client on its containers."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from lab.control_plane import ControlPlane, kubectl_environment
from lab.errors import LabError
from lab.node_settings import NodeFolder
from lab.watched_process import last_line
from tests.bench.sightings import Find, Sighting, in_namespace, read_task_event, read_watch_event

KINDS = ("nemotrondeployments.nemotron.dev", "jobs.batch", "deployments.apps", "pods")
"""What is followed, in every namespace, by one kubectl each."""

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class _Followed:
    """One process, the thread that reads what it prints, and where its complaints go."""

    process: subprocess.Popen[str]
    reader: threading.Thread
    log: Path


class Watches:
    """Keeps everything that it sees for as long as its context lasts."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._sightings: list[Sighting] = []
        self._changed = threading.Condition()
        self._followed: list[_Followed] = []

    def __enter__(self) -> Self:
        kubectl = (str(self._plane.binaries.kubectl), f"--kubeconfig={self._plane.kubeconfig}", "get")
        for kind in KINDS:
            options = ("--all-namespaces", "--watch", "--output-watch-events", "--output=json")
            self._follow(kind, (*kubectl, kind, *options), self._read_objects)
        ctr = self._plane.directory / "bin" / "ctr"
        socket = NodeFolder(self._plane.directory).socket
        self._follow("ctr", (str(ctr), f"--address={socket}", "--namespace=k8s.io", "events"), self._read_tasks)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for followed in self._followed:
            followed.process.terminate()
        for followed in self._followed:
            followed.process.wait()
            followed.reader.join()

    def seen(self, namespace: str) -> list[Sighting]:
        """Return what was seen of a namespace so far."""
        with self._changed:
            return in_namespace(self._sightings, namespace)

    def wait_for(self, what: str, find: Find, namespace: str, seconds: float) -> Sighting:
        """Wait until something is seen in a namespace, and return it."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while (found := find(in_namespace(self._sightings, namespace))) is None:
                self._refuse_ended()
                if time.monotonic() > deadline:
                    raise LabError(f"not seen within {seconds:.0f} s: {what}")
                self._changed.wait(_POLL_SECONDS)
        return found

    def _follow(self, name: str, command: tuple[str, ...], read: Callable[[IO[str]], None]) -> None:
        environment = {**os.environ, **kubectl_environment(self._plane.directory)}
        log = self._plane.directory / "logs" / f"watch-{name}.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        if process.stdout is None:
            raise AssertionError("it was started with a pipe")
        reader = threading.Thread(target=read, args=(process.stdout,), name=f"watch-{name}")
        reader.start()
        self._followed.append(_Followed(process, reader, log))

    def _read_objects(self, output: Iterable[str]) -> None:
        for line in output:
            self._keep(read_watch_event(line, time.monotonic()))

    def _read_tasks(self, output: Iterable[str]) -> None:
        for line in output:
            if seen := read_task_event(line, time.monotonic()):
                self._keep(seen)

    def _keep(self, seen: Sighting) -> None:
        with self._changed:
            self._sightings.append(seen)
            self._changed.notify_all()

    def _refuse_ended(self) -> None:
        for followed in self._followed:
            if followed.process.poll() is not None:
                raise LabError(f"{followed.log.stem} ended early: {last_line(followed.log)}")
