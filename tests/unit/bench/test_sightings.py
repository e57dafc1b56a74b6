import json
from typing import Any

from tests.bench.sightings import Sighting, in_namespace, read_task_event, read_watch_event


def _pod(namespace: str) -> dict[str, Any]:
    labels = {"nemotron.dev/component": "server"}
    return {"kind": "Pod", "metadata": {"name": "tiny", "namespace": namespace, "labels": labels}}


def test_a_watch_event_is_read() -> None:
    seen = read_watch_event(json.dumps({"type": "ADDED", "object": _pod("bench")}), 7.5)
    assert Sighting(7.5, "ADDED", _pod("bench")) == seen
    assert ("Pod", "server") == (seen.kind, seen.component)


def test_a_container_that_starts_is_read() -> None:
    line = '2026-11-26 12:00:00.5 +0000 UTC k8s.io /tasks/start {"container_id":"abc","pid":7}\n'
    assert Sighting(1.0, "/tasks/start", {"kind": "Task", "container_id": "abc", "pid": 7}) == read_task_event(
        line, 1.0
    )


def test_other_events_of_the_runtime_are_left_out() -> None:
    line = '2026-11-26 12:00:00.5 +0000 UTC k8s.io /images/create {"name":"localhost/pause"}\n'
    assert read_task_event(line, 1.0) is None


def test_a_namespace_keeps_its_own_objects_and_every_container() -> None:
    task = Sighting(1.0, "/tasks/start", {"kind": "Task", "container_id": "abc"})
    own, other = (Sighting(1.0, "ADDED", _pod(name)) for name in ("bench", "another"))
    assert [task, own] == in_namespace([task, own, other], "bench")
