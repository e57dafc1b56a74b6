"""The control group that holds every process of a real node: made before the first, and the way to end them all.

A kubelet, containers and their shims start processes of their own, and any of them may be killed halfway. The kernel
keeps account of all of them here.
"""

import contextlib
import itertools
import os
import signal
import time
from pathlib import Path

from lab.errors import LabError

END_SECONDS = 20
"""How long killed processes may take to be gone."""

_POLL_SECONDS = 0.05


def find_hierarchies(mountinfo: str) -> list[Path]:
    """Find every cgroup file system in the text of /proc/self/mountinfo: one with version 2, a dozen with version 1."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.split(" ")[0] in {"cgroup", "cgroup2"}:
            found.append(Path(before.split(" ")[4]))
    return found


def make_cgroup(name: str) -> list[Path]:
    """Make the node's group in every hierarchy; return the files through which a process joins it."""
    joins = []
    for hierarchy in _hierarchies():
        # A group with children cannot hold processes in version 2, so the node's programs have one of their own.
        system = hierarchy / name / "system"
        system.mkdir(parents=True, exist_ok=True)
        _enable_controllers(hierarchy, system.parent)
        if (system / "cpuset.cpus").exists():
            _copy_cpus(hierarchy, system.parent, system)
        joins.append(system / "cgroup.procs")
    return joins


def remove_cgroup(name: str) -> None:
    """Kill everything in the group and remove it; do nothing if there is none."""
    groups = [hierarchy / name for hierarchy in _hierarchies() if (hierarchy / name).is_dir()]
    deadline = time.monotonic() + END_SECONDS
    while groups:
        pids = {pid for group in groups for pid in _read_pids(group)}
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        groups = [group for group in groups if pids or not _remove_tree(group)]
        if groups and time.monotonic() > deadline:
            raise LabError(f"Control group {groups[0]} could not be removed; its processes: {sorted(pids)}")
        if groups:
            time.sleep(_POLL_SECONDS)


def _hierarchies() -> list[Path]:
    mountinfo = Path("/proc/self/mountinfo")
    return find_hierarchies(mountinfo.read_text()) if mountinfo.exists() else []


def _copy_cpus(*groups: Path) -> None:
    """Give each group what its parent has: a group of version 1 starts without, and lets no process in."""
    for parent, child in itertools.pairwise(groups):
        for file in ("cpuset.cpus", "cpuset.mems"):
            (child / file).write_text((parent / file).read_text())


def _enable_controllers(*groups: Path) -> None:
    """Pass on what each group has: a group of version 2 limits nothing until its parent says so."""
    for group in groups:
        controllers = group / "cgroup.controllers"
        for name in controllers.read_text().split() if controllers.exists() else ():
            # The kernel refuses those that cannot be passed on here; the kubelet says which of them it misses.
            with contextlib.suppress(OSError):
                (group / "cgroup.subtree_control").write_text(f"+{name}")


def _read_pids(group: Path) -> set[int]:
    pids: set[int] = set()
    for file in group.rglob("cgroup.procs"):
        with contextlib.suppress(OSError):
            pids.update(map(int, file.read_text().split()))
    return pids


def _remove_tree(group: Path) -> bool:
    """Remove the group from its leaves up; tell whether it is gone. The kernel refuses while a process is dying."""
    folders = [group, *(path for path in group.rglob("*") if path.is_dir())]
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()
    return not group.exists()
