"""All that a watch reports of some objects, so that nothing that was true for a moment only escapes a test."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.control_plane import kubectl_environment
from tests.support.cluster import Body, Namespace, wait_until


class Recording:
    """What a running watch has reported so far, in order."""

    def __init__(self, path: Path, initial: int) -> None:
        self._path = path
        self._initial = initial

    def list_events(self) -> list[Body]:
        """List the events, each with `type` and `object`; one that is written just now is left out."""
        text, decoder, events, start = self._path.read_text(), json.JSONDecoder(), [], 0
        while start < len(text):
            try:
                event, end = decoder.raw_decode(text, start)
            except ValueError:
                break
            events.append(event)
            start = end + len(text[end:]) - len(text[end:].lstrip())
        return events

    def list_objects(self) -> list[Body]:
        """List the objects as they were, one after the other."""
        return [event["object"] for event in self.list_events()]

    def count_ready(self) -> list[int]:
        """Count the pods that were ready and not told to stop, at the beginning and after each event."""
        ready: dict[str, bool] = {}
        counts = []
        for event in self.list_events():
            pod = event["object"]
            ready[pod["metadata"]["name"]] = event["type"] != "DELETED" and _is_ready(pod)
            counts.append(sum(ready.values()))
        return counts[max(0, self._initial - 1) :]


@contextmanager
def watched(namespace: Namespace, kind: str, selector: str, path: Path) -> Iterator[Recording]:
    """Record all that happens to the objects of one kind, those that are there first."""
    plane, initial = namespace.plane, len(namespace.list(kind, selector))
    command = [str(plane.binaries.kubectl), "--kubeconfig", str(plane.kubeconfig), "-n", namespace.name]
    command += ["get", kind, "-l", selector, "-o", "json", "--watch", "--output-watch-events"]
    with path.open("w") as written:
        environment = {**os.environ, **kubectl_environment(plane.directory)}
        process = subprocess.Popen(command, stdout=written, stderr=subprocess.DEVNULL, env=environment)
    recording = Recording(path, initial)
    try:
        wait_until("the watch has begun", lambda: len(recording.list_events()) >= initial)
        yield recording
    finally:
        process.terminate()
        process.wait()


def _is_ready(pod: Body) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )
