"""What was seen of a cluster, and when: objects as watches bring them, containers as the runtime runs them."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nemotron_operator.constants import COMPONENT_LABEL, KIND

TASK = "Task"
"""The kind of what containerd tells: it knows to the millisecond what the kubelet's status tells a second later."""

Body = dict[str, Any]


@dataclass(frozen=True)
class Sighting:
    """One object at one moment, or one container that started or ended."""

    seconds: float
    """When it was seen, by the monotonic clock."""

    change: str
    """`ADDED`, `MODIFIED` or `DELETED`; of a container its topic, for example `/tasks/start`."""

    body: Body

    @property
    def kind(self) -> str:
        """For example `Pod`, or `Task` for a container."""
        return str(self.body["kind"])

    @property
    def component(self) -> str:
        """What the object does for its resource, by its label; empty when it has none."""
        return str(self.body["metadata"].get("labels", {}).get(COMPONENT_LABEL, ""))


Find = Callable[[Sequence[Sighting]], Sighting | None]
"""Finds the sighting that ends a stage."""


def read_watch_event(line: str, seconds: float) -> Sighting:
    """Read one line of `kubectl get --watch --output-watch-events -o json`."""
    event = json.loads(line)
    return Sighting(seconds, event["type"], event["object"])


def read_task_event(line: str, seconds: float) -> Sighting | None:
    """Read one line of `ctr events`; None for what says nothing of a container's process."""
    topic, brace, content = line.partition("/tasks/")[2].partition("{")
    if not brace:
        return None
    return Sighting(seconds, f"/tasks/{topic.strip()}", {"kind": TASK, **json.loads(brace + content)})


def in_namespace(sightings: Iterable[Sighting], namespace: str) -> list[Sighting]:
    """Keep one namespace's objects, and every container: the runtime knows no namespaces."""
    return [seen for seen in sightings if seen.kind == TASK or seen.body["metadata"]["namespace"] == namespace]


def added(kind: str, component: str = "") -> Find:
    """Find the creation of an object."""
    return lambda sightings: next(
        (seen for seen in _of(sightings, kind, component) if seen.change == "ADDED"),
        None,
    )


def has_condition(kind: str, component: str, condition: str) -> Find:
    """Find the first time that a condition of an object was true."""
    return lambda sightings: next(
        (seen for seen in _of(sightings, kind, component) if _is_true(seen.body, condition)),
        None,
    )


def has_address(component: str) -> Find:
    """Find the first sighting of a pod that tells the pod's address."""
    return lambda sightings: next(
        (seen for seen in _of(sightings, "Pod", component) if seen.body.get("status", {}).get("podIP")),
        None,
    )


def container(component: str, topic: str) -> Find:
    """Find the start or the end of a pod's only container; `start` and `exit` are what containerd calls them."""

    def find(sightings: Sequence[Sighting]) -> Sighting | None:
        identifier = _find_container(_of(sightings, "Pod", component))
        tasks = (seen for seen in sightings if seen.kind == TASK and seen.change == f"/tasks/{topic}")
        # What is executed inside a container has the container's name too, and another id.
        own = (seen for seen in tasks if seen.body["container_id"] == seen.body.get("id", seen.body["container_id"]))
        return next((seen for seen in own if seen.body["container_id"] == identifier), None)

    return find


def is_ready() -> Find:
    """Find the moment when the resource said that it serves and has answered."""
    return has_condition(KIND, "", "Ready")


def _of(sightings: Iterable[Sighting], kind: str, component: str) -> Iterator[Sighting]:
    return (seen for seen in sightings if seen.kind == kind and seen.component == component)


def _find_container(pods: Iterable[Sighting]) -> str | None:
    """Return containerd's name of the container, once the kubelet has told it."""
    for pod in pods:
        for status in pod.body.get("status", {}).get("containerStatuses", []):
            if identifier := status.get("containerID"):
                return str(identifier).rpartition("/")[2]
    return None


def _is_true(body: Body, condition: str) -> bool:
    conditions = body.get("status", {}).get("conditions", [])
    return any(found["type"] == condition and found["status"] == "True" for found in conditions)
