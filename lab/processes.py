"""The processes of one cluster: which run, and how to stop and start each on its own.

kwokctl starts and stops whole clusters only, and takes a killed process that nobody has reaped for a running one.
So single components are handled here, from the commands and pid files that kwokctl keeps in the cluster's folder.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError

GRACE_SECONDS = 5
"""A component that has not ended so long after SIGTERM is killed, unless it is given longer. The API server waits for
open watches."""

KILLED_SECONDS = 30
"""How long a component that was killed may take to be gone; more than a moment on a busy machine only."""

START_SECONDS = 30
"""How long a component may take to show up; more than a moment on a busy machine only. One that has already ended is
not waited for; its log says why."""

_POLL_SECONDS = 0.05

_START = 'echo "--- started again" >>"$LOG"; "$@" >>"$LOG" 2>&1 & echo -n $! >"$PID_FILE"'
"""The shell ends at once, so that the component belongs to init, as one that kwokctl started."""


@dataclass(frozen=True)
class Component:
    """One program of a running cluster, as kwokctl wrote it down."""

    name: str
    directory: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    launcher: tuple[str, ...] = ()
    """What the command is handed to, where it starts elsewhere than here; it has to end as the command itself."""
    grace_seconds: float = GRACE_SECONDS
    """How long it may take to end after a signal before it is killed."""

    @property
    def pid_file(self) -> Path:
        """Where the process id is kept."""
        return self.directory / "pids" / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        """Where everything that it prints goes."""
        return self.directory / "logs" / f"{self.name}.log"

    def pid(self) -> int | None:
        """Return the process id, if that process runs and is this component's."""
        try:
            pid = int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if _runs(pid, self.command[0]) else None

    def is_running(self) -> bool:
        """Tell whether the process runs."""
        return self.pid() is not None

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal and wait until the process has ended; do nothing if it does not run."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, with_signal)
        if not self._wait_until(self._has_ended, self.grace_seconds):
            os.kill(pid, signal.SIGKILL)
            self._wait_until(self._has_ended, KILLED_SECONDS)

    def start(self) -> None:
        """Run the component's command again, detached; do nothing if it runs."""
        if self.is_running():
            return
        subprocess.run(
            ["/bin/sh", "-c", _START, "sh", *self.launcher, *self.command],
            check=True,
            cwd=self.directory,
            env={**os.environ, **self.environment, "LOG": str(self.log), "PID_FILE": str(self.pid_file)},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        # Between fork and exec a process shows its shell's command, and would look as if it had not started.
        self._wait_until(lambda: self.is_running() or self._is_gone(), START_SECONDS)

    def _has_ended(self) -> bool:
        return not self.is_running()

    def _is_gone(self) -> bool:
        return _is_gone(int(self.pid_file.read_text()))

    def _wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True


def read_components(directory: Path) -> dict[str, Component]:
    """Read what kwokctl runs for the cluster in this folder: etcd first, as it starts them."""
    try:
        settings = next(yaml.safe_load_all((directory / "kwok.yaml").read_text()))
        entries = settings["components"]
    except (OSError, yaml.YAMLError, StopIteration, TypeError, KeyError) as error:
        raise LabError(f"{directory} holds no cluster that can be read: {error!r}") from error
    return {entry["name"]: _parse_component(entry, directory) for entry in entries}


def find_remains(directory: Path) -> list[Component]:
    """Find what may still run there from the pid files alone: a cluster cut off while being made has no more."""
    pid_files = sorted((directory / "pids").glob("*.pid"))
    return [Component(file.stem, directory, (str(directory / "bin" / file.stem),), {}) for file in pid_files]


def _parse_component(entry: Mapping[str, Any], directory: Path) -> Component:
    return Component(
        name=entry["name"],
        directory=directory,
        command=(entry["binary"], *entry.get("args", ())),
        environment={pair["name"]: pair.get("value", "") for pair in entry.get("envs", ())},
    )


def _runs(pid: int, program: str) -> bool:
    """Tell whether this process is the program.

    After a reboot the number can belong to anyone, a process that was killed but not reaped has no command any more,
    and one that is just being started has its shell's.
    """
    if Path("/proc/self").exists():
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return False
        # The second one is the program where it is a script, and the first its interpreter.
        return program in arguments[:2]
    return _ask_ps(pid, "command").startswith(program)


def _is_gone(pid: int) -> bool:
    """Tell whether this process has ended, reaped or not, whatever its command is."""
    if not Path("/proc/self").exists():
        return _ask_ps(pid, "stat")[:1] in {"", "Z"}
    try:
        # The command, in brackets, may hold anything.
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in {"Z", "X"}


def _ask_ps(pid: int, column: str) -> str:
    ps = ["ps", "-ww", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout
