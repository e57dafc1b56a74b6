"""How much pods had still to answer when they were told to stop, and from then on until they ended."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.control_plane import KubectlError
from tests.support.cluster import Body, Namespace
from tests.support.web_server import fetch

LOOK_SECONDS = 1.0
"""Between two looks: each is a process, which takes its share from the engines."""

LONGEST_GAP_SECONDS = 5.0
"""How long a pod that is told to stop is asked on where none of its questions is seen; it listens for longer."""

ENGINE_PORT = 8000

_IN_FLIGHT = re.compile(r"^vllm:num_requests_(?:running|waiting)\{[^}]*\} (\S+)$", re.MULTILINE)
"""What vLLM works on, and what waits for its turn (vllm/v1/metrics/loggers.py)."""


@dataclass(frozen=True)
class Look:
    """One look at a pod that was told to stop."""

    after_seconds: float
    """Since it was first seen so."""
    in_flight: int
    """Questions that it had not answered."""


@dataclass
class StoppingPods:
    """The pods that were told to stop, by name, with what was seen of each while it still answered."""

    on_stop: Callable[[str], None]
    """What to do when a pod is first seen to answer something although it was told to stop, with its name.

    Who asks one question after the other has none in flight for a moment in between: so it is asked on for a little.
    """
    looks: dict[str, list[Look]] = field(default_factory=dict)
    _first_seen_at: dict[str, float] = field(default_factory=dict)
    _in_flight_at_stop: dict[str, int] = field(default_factory=dict)

    def look_at(self, pod: Body, now: float) -> None:
        """Look once more."""
        name, address = pod["metadata"]["name"], pod["status"].get("podIP")
        began_at = self._first_seen_at.setdefault(name, now)
        looks = self.looks.setdefault(name, [])
        in_flight = count_in_flight(address) if address else None
        if in_flight is not None:
            looks.append(Look(now - began_at, in_flight))
        if name not in self._in_flight_at_stop and (in_flight or now - began_at >= LONGEST_GAP_SECONDS):
            self._in_flight_at_stop[name] = in_flight or 0
            self.on_stop(name)

    def count_in_flight_at_stop(self) -> int:
        """Add up what the pods had to answer when nobody asked them any more."""
        return sum(self._in_flight_at_stop.values())

    def count_in_flight(self, after_seconds: float) -> int:
        """Add up what the pods had to answer so long after they were told to stop, each at the first look from then."""
        firsts = (next((look for look in looks if look.after_seconds >= after_seconds), None) for looks in self._all())
        return sum(look.in_flight for look in firsts if look is not None)

    def describe(self, after_seconds: float) -> str:
        """Count what was in flight when pods were told to stop, and so long after."""
        return (
            f"{len(self.looks)} pods stopped with {self.count_in_flight_at_stop()} questions in flight, of which "
            f"{self.count_in_flight(after_seconds)} were still so after {after_seconds:.0f} s"
        )

    def _all(self) -> list[list[Look]]:
        return list(self.looks.values())


@contextmanager
def watch_stopping_pods(namespace: Namespace, selector: str, on_stop: Callable[[str], None]) -> Iterator[StoppingPods]:
    """Look at the pods of a namespace every second until the block ends."""
    stopping, over = StoppingPods(on_stop), threading.Event()

    def look_on() -> None:
        while not over.wait(LOOK_SECONDS):
            for pod in _list_stopping(namespace, selector):
                stopping.look_at(pod, time.monotonic())

    watcher = threading.Thread(target=look_on)
    watcher.start()
    try:
        yield stopping
    finally:
        over.set()
        watcher.join()


def count_in_flight(pod_address: str) -> int | None:
    """Ask an engine how many questions it has not answered; None where it does not say."""
    try:
        metrics = fetch(f"http://{pod_address}:{ENGINE_PORT}/metrics")
    except OSError:
        return None
    return int(sum(float(value) for value in _IN_FLIGHT.findall(metrics)))


def _list_stopping(namespace: Namespace, selector: str) -> list[Body]:
    try:
        pods = namespace.list("pod", selector)
    except KubectlError:
        return []  # the API server is busy: the next look is soon
    return [pod for pod in pods if "deletionTimestamp" in pod["metadata"]]
