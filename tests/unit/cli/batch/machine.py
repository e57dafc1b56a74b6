"""A machine with kubectl that runs the real program on a directory, and a cluster whose Jobs answer at once."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.batch.place import Place
from nemotron_operator.batch.prepare import prepare
from nemotron_operator.cluster.kinds import CLAIM
from tests.unit.batch.batches import a_failure, an_answer, leave, read_custom_ids
from tests.unit.cli.cache.cluster_api import ClusterApi

Body = dict[str, Any]

KUBECTL = """#!/bin/sh
echo "$@" >> {home}/arguments
case "$*" in *" logs "*) cat {home}/log; exit;; esac
while [ "$1" != nemotron-batch ]; do shift; done
shift
case "$1" in {fails}) echo 'error: the connection broke' >&2; exit 1;; esac
exec {python} -m nemotron_operator.batch.main "$@" --directory={home}/volume --termination-message-path=/dev/null
"""

RUNNING = {"phase": "Running", "containerStatuses": [{"name": "receive", "state": {"running": {}}}]}

ENDS = {True: "Complete", False: "Failed"}


@dataclass
class Machine:
    """What is under the command line in these tests."""

    home: Path
    cluster: ClusterApi
    answers: Callable[[int, list[str]], list[str]] = lambda _attempt, left: [an_answer(custom_id) for custom_id in left]
    """The lines that an attempt leaves of what is left."""
    is_complete: Callable[[int], bool] = lambda _attempt: True
    """Whether the Job of an attempt ends well."""
    jobs: list[Body] = field(default_factory=list)
    """All Jobs that were made."""

    @classmethod
    def make(cls, home: Path, cluster: ClusterApi, monkeypatch: pytest.MonkeyPatch) -> "Machine":
        machine = cls(home, cluster)
        home.mkdir()
        (home / "log").touch()
        machine.break_at("nothing")
        cluster.after_write = machine.run
        monkeypatch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
        return machine

    @property
    def place(self) -> Place:
        """The volume of the batch."""
        return Place(self.home / "volume")

    def break_at(self, command: str) -> None:
        """Let the connection break whenever the program is to do this."""
        program = self.home / "kubectl"
        program.write_text(KUBECTL.format(home=self.home, python=sys.executable, fails=command))
        program.chmod(0o755)

    def run(self, api: ClusterApi, path: str, body: Body) -> None:
        """Run pods and Jobs as soon as they are made."""
        if "/pods/" in path and "status" not in body:
            api.objects[path] = {**body, "status": RUNNING}
            for volume in body["spec"]["volumes"]:
                if name := (volume.get("persistentVolumeClaim") or {}).get("claimName"):
                    self.bind(name)
        if "/jobs/" in path and "status" not in body:
            self.jobs.append(body)
            api.objects[path] = {**body, "status": self._answer()}

    def bind(self, name: str) -> None:
        """Have a claim bound to a volume."""
        claim = self.cluster.get(CLAIM, name)
        assert claim is not None, f"no claim {name}"
        claim["status"] = {"phase": "Bound"}

    def _answer(self) -> Body:
        prepare(self.place)
        number = self.place.count_attempts()
        leave(self.place, number, *self.answers(number, read_custom_ids(self.place.remaining)))
        end, at = ENDS[self.is_complete(number)], "2026-11-27T02:04:02Z"
        condition = {"type": end, "status": "True", "lastTransitionTime": at, "message": "it said so"}
        return {"startTime": "2026-11-27T02:00:00Z", "conditions": [condition]}


def fail_at(custom_id: str) -> Callable[[int, list[str]], list[str]]:
    """Answer all but one request, which is refused."""
    return lambda _attempt, left: [a_failure(each, 400) if each == custom_id else an_answer(each) for each in left]
