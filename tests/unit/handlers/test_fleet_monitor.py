import asyncio
import io
import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import NEMOTRON, POD
from nemotron_operator.handlers import fleet_monitor
from nemotron_operator.handlers.fleet_monitor import FleetMonitor
from nemotron_operator.runtime.logs import JsonLines
from nemotron_operator.runtime.metrics import Metrics
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_live_pod

GPU = "nvidia.com/gpu"


def a_body(version: int, *, ready: bool = False) -> dict[str, Any]:
    body = a_deployment().with_status({}).body
    times = {"creationTimestamp": "2026-11-24T08:00:00Z", "resourceVersion": str(version)}
    condition = {"type": "Ready", "status": "True" if ready else "False", "reason": "Serving"}
    return {
        **body,
        "metadata": {**body["metadata"], **times},
        "status": {
            "observedGeneration": body["metadata"]["generation"],
            "desiredRevision": "abc",
            "servingRevision": "abc",
            "conditions": [{**condition, "lastTransitionTime": "2026-11-24T08:01:40Z"}],
        },
    }


def a_new_body(version: int) -> dict[str, Any]:
    """Make a resource that nobody has acted on yet, with the status that the definition gives it."""
    return {**a_body(version), "status": {"observedGeneration": -1}}


def a_pod() -> dict[str, Any]:
    pod = a_live_pod("pod", ready=True)
    pod["spec"] = {"nodeName": "n", "containers": [{"name": "vllm", "resources": {"limits": {GPU: "8"}}}]}
    return pod


def value(metrics: Metrics, metric: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"nemotron_operator_{metric}", labels)


def requested(metrics: Metrics) -> float | None:
    return value(metrics, "resource_gpus", namespace="team", name="nemotron", state="requested")


async def test_who_stands_by_tells_of_no_resource() -> None:
    cache, metrics = ObjectCache(), Metrics()
    monitor = FleetMonitor(cache, metrics, [GPU])
    cache.upsert(NEMOTRON, a_body(1))
    assert None is requested(metrics)
    monitor.begin()
    assert 0 == requested(metrics)


async def test_a_scrape_tells_what_is_in_the_cache_at_that_moment() -> None:
    cache, metrics = ObjectCache(), Metrics()
    FleetMonitor(cache, metrics, [GPU]).begin()
    cache.upsert(NEMOTRON, a_body(1))
    cache.upsert(POD, a_pod())
    assert 8 == requested(metrics)


async def test_a_start_is_observed_at_the_report_that_ends_it_and_not_again() -> None:
    cache, metrics = ObjectCache(), Metrics()
    monitor = FleetMonitor(cache, metrics, [GPU])
    monitor.begin()
    for version, body in enumerate((a_new_body(1), a_body(2, ready=True), a_body(3, ready=True)), start=1):
        cache.upsert(NEMOTRON, body)
        monitor.take_report(NEMOTRON, body)
        expected = min(version - 1, 1)
        assert expected == value(metrics, "time_to_ready_seconds_count", phase="total")
    assert 100 == value(metrics, "time_to_ready_seconds_sum", phase="total")


async def test_a_start_that_is_on_its_way_is_told_with_when_it_was_asked_for() -> None:
    cache, metrics = ObjectCache(), Metrics()
    monitor = FleetMonitor(cache, metrics, [GPU])
    monitor.begin()
    told = []
    for body in (a_new_body(1), a_body(2, ready=True)):
        cache.upsert(NEMOTRON, body)
        monitor.take_report(NEMOTRON, body)
        told.append(value(metrics, "resource_start_asked_timestamp_seconds", namespace="team", name="nemotron"))
    assert [datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp(), None] == told


async def test_one_that_cannot_be_counted_is_logged_once_and_keeps_no_other_from_being_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fleet_monitor, "LOOK_SECONDS", 0.01)
    cache, metrics = ObjectCache(), Metrics()
    broken, sound = a_body(1), a_body(2)
    broken["status"]["conditions"] = [{"type": "Ready"}]
    sound["metadata"]["name"] = "sound"
    for body in (broken, sound):
        cache.upsert(NEMOTRON, body)
    monitor = FleetMonitor(cache, metrics, [GPU])
    monitor.begin()
    running = asyncio.create_task(monitor.run())
    await asyncio.sleep(0.05)
    assert not running.done()
    running.cancel()
    assert (None, 0) == (
        requested(metrics),
        value(metrics, "resource_gpus", namespace="team", name="sound", state="requested"),
    )
    (told,) = caplog.messages
    assert "The GPUs and conditions of team/nemotron cannot be counted" in told


async def test_a_start_that_cannot_be_read_is_logged_and_the_gpus_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache, metrics = ObjectCache(), Metrics()
    monitor = FleetMonitor(cache, metrics, [GPU])
    monitor.begin()
    new, body = a_new_body(1), a_body(2, ready=True)
    body["status"]["conditions"][0]["lastTransitionTime"] = "yesterday"
    for each in (new, body):
        cache.upsert(NEMOTRON, each)
        monitor.take_report(NEMOTRON, each)
    (told,) = caplog.messages
    assert "The start of team/nemotron cannot be counted for the metrics" in told
    assert 0 == requested(metrics)


async def test_the_line_about_one_that_cannot_be_counted_names_it_in_its_fields() -> None:
    cache = ObjectCache()
    broken = a_body(1)
    broken["status"]["conditions"] = [{"type": "Ready"}]
    cache.upsert(NEMOTRON, broken)
    stream = io.StringIO()
    handler, logger = logging.StreamHandler(stream), logging.getLogger(fleet_monitor.__name__)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    try:
        FleetMonitor(cache, Metrics(), [GPU]).begin()
    finally:
        logger.removeHandler(handler)
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert ("team", "nemotron") == (told.get("namespace"), told.get("name"))
