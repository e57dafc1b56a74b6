"""A download is watched: the operator asks the running pod of the cache Job, and tells in the status what it hears."""

import re
from collections.abc import Iterator

import pytest

from tests.support.cluster import Body, Namespace, RunningOperator, a_resource, wait_until
from tests.support.downloader_server import TOTAL_BYTES, PlayedDownloader, a_progress, say

ADDRESS, SILENT_ADDRESS = "127.0.0.80", "127.0.0.81"
"""Addresses of loopback for these tests' pods alone, others have 127.0.0.1; at the second nobody listens."""

PORT = 8001
"""What the rendered pods offer."""


@pytest.fixture
def downloader() -> Iterator[PlayedDownloader]:
    with PlayedDownloader(say(a_progress(10)), ADDRESS, PORT).serve() as served:
        yield served


def _fetched_slowly(address: str) -> Body:
    """Make a resource whose simulated download takes as long as the test looks on."""
    annotations = {"lab.nemotron.dev/fetch-seconds": "600", "lab.nemotron.dev/pod-ip": address}
    return a_resource(podTemplate={"annotations": annotations})


def _percent(namespace: Namespace) -> int | None:
    resource = namespace.get("nemo", "nemotron") or {}
    progress = resource.get("status", {}).get("cache", {}).get("progress", {})
    percent: int | None = progress.get("percent")
    return percent


def _wait_for_percent(namespace: Namespace, percent: int) -> None:
    wait_until(f"{percent} % are told", lambda: _percent(namespace) == percent)


def _wake(namespace: Namespace, number: int) -> None:
    """Let the operator look at once, as any change of the resource does."""
    namespace.patch("nemo", "nemotron", {"metadata": {"annotations": {"test/wake": str(number)}}})


def _quarters(namespace: Namespace) -> list[str]:
    events = namespace.list("events.events.k8s.io")
    notes = [event["note"] for event in events if event["regarding"]["kind"] == "NemotronDeployment"]
    return sorted(note[:4] for note in notes if re.match(r"\d\d % of the model", note))


def test_a_download_is_seen_to_arrive(
    namespace: Namespace, operator: RunningOperator, downloader: PlayedDownloader
) -> None:
    namespace.apply(_fetched_slowly(ADDRESS))
    _wait_for_percent(namespace, 10)

    for number, percent in enumerate((30, 55)):
        downloader.reply = say(a_progress(percent))
        _wake(namespace, number)
        _wait_for_percent(namespace, percent)
    downloading = namespace.wait_for_reason("nemotron", "ModelCached", "Downloading")
    (pod,) = namespace.list("pod", "nemotron.dev/component=cache")
    metrics = operator.read_metrics()
    operator.component.stop()
    asked = len(downloader.paths)
    operator.restart()
    wait_until("the new operator has asked", lambda: len(downloader.paths) > asked)
    _wake(namespace, 2)
    wait_until("it has asked again, and so told before what it had to", lambda: len(downloader.paths) > asked + 1)

    assert "55 %, 40.0 of 72.7 GB, at 480 MB/s, about 68 s left." in downloading["message"]
    assert ADDRESS == pod["status"]["podIP"]
    assert {"/progress"} == set(downloader.paths)
    assert metrics["nemotron_operator_downloads_active"] >= 1
    left_bytes = TOTAL_BYTES - TOTAL_BYTES * 55 // 100
    assert left_bytes == metrics["nemotron_operator_downloads_remaining_bytes"]
    assert ["25 %", "50 %"] == _quarters(namespace)


def test_a_download_that_cannot_be_asked_says_how_to_look(namespace: Namespace, operator: RunningOperator) -> None:
    del operator
    namespace.apply(_fetched_slowly(SILENT_ADDRESS))

    def look() -> str | None:
        condition = namespace.condition("nemotron", "ModelCached")
        return condition["message"] if condition and "logs -f job/" in condition["message"] else None

    message = wait_until("the message names the Job's log", look)
    (job,) = namespace.list("job", "nemotron.dev/component=cache")

    assert f"`kubectl -n {namespace.name} logs -f job/{job['metadata']['name']}` shows how far it is." in message
    assert _percent(namespace) is None
    assert namespace.condition("nemotron", "Stalled") is None
