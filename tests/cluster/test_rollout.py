"""A rollout of the operator's own Deployment, step by step as its strategy has it, with real processes."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from itertools import pairwise

import pytest

from lab.control_plane import ControlPlane
from lab.operator_process import NAMESPACE, make_operator, start_operator
from tests.support.cluster import RunningOperator, wait_until

HAND_OVER_SECONDS = 8.0
"""A leader that is told to stop gives its Lease back, and it is looked at every 2 s."""

LOOK_SECONDS = 0.05
"""Between two looks at who leads."""


class Replicas:
    """Replicas of the operator that take part in one election."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.running: dict[str, RunningOperator] = {}
        self.overlaps: list[tuple[str, str]] = []

    def start(self, name: str) -> None:
        """Start one more, and wait until it is ready: it leads or stands by."""
        component = make_operator(self.plane, name, [f"--lease-namespace={NAMESPACE}", "--namespace=default"])
        replica = RunningOperator(component, start_operator(component))
        replica.wait_until_synced()
        self.running[name] = replica

    def stop(self, name: str) -> None:
        """Stop one as the kubelet does."""
        self.running[name].component.stop(signal.SIGTERM)
        del self.running[name]

    def kill_all(self) -> None:
        """End what runs still."""
        for replica in self.running.values():
            replica.component.stop(signal.SIGKILL)

    def leaders(self) -> list[str]:
        """Name those that lead, asked one after the other."""
        return [name for name, replica in list(self.running.items()) if leads(replica)]

    def look(self) -> None:
        """Note two that lead at once: the first still does after the second was seen to."""
        replicas = dict(self.running)
        found = pairwise(self.leaders())
        self.overlaps += [(first, second) for first, second in found if first in replicas and leads(replicas[first])]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look again and again, beside what is done meanwhile."""
        ended = threading.Event()

        def look_on() -> None:
            # Without a pause it would take a core from the replicas that it looks at.
            while not ended.wait(LOOK_SECONDS):
                self.look()

        watcher = threading.Thread(target=look_on)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


def leads(replica: RunningOperator) -> bool:
    try:
        return replica.read_metrics()["nemotron_operator_leader"] == 1
    except (OSError, HTTPException):
        return False  # it has ended


@pytest.fixture
def replicas(plane: ControlPlane) -> Iterator[Replicas]:
    made = Replicas(plane)
    yield made
    made.kill_all()


def test_a_rollout_of_two_replicas_hands_the_lead_on_and_never_has_two(replicas: Replicas) -> None:
    replicas.start("old-a")
    wait_until("the first leads", replicas.leaders)
    replicas.start("old-b")

    with replicas.watched():
        for new, old in (("new-a", "old-a"), ("new-b", "old-b")):
            replicas.start(new)
            replicas.stop(old)
            wait_until("one of the others leads", replicas.leaders, HAND_OVER_SECONDS)

    assert replicas.overlaps == []
    assert len(replicas.leaders()) == 1
