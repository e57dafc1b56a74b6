"""What the operator tells of single resources, held against the API server: GPUs, seconds, starts, and its log."""

import json
import time
from typing import Any

import pytest

from tests.support.cluster import Namespace, RunningOperator, a_resource, wait_until, wait_until_alone

pytestmark = pytest.mark.usefixtures("operator")

STATES = ("desired", "requested", "ready")


def test_gpus_are_counted_from_the_plan_to_the_end_of_the_resource(
    namespace: Namespace, operator: RunningOperator
) -> None:
    slowly = {"annotations": {"lab.nemotron.dev/load-seconds": "8"}}
    wait_until_alone(namespace)  # a start of somebody else's would be counted among these
    begun = time.monotonic()
    starts_before = _read_starts(operator)
    namespace.apply(a_resource(parallelism={"tensor": 8}, engine={"maxModelLen": 4096}, podTemplate=slowly))

    _wait_for_gpus(namespace, operator, (8, 8, 0))
    pods = namespace.list("pod", "nemotron.dev/component=server")
    assert ["8"] == [pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] for pod in pods]
    before_reading = time.monotonic()
    first = _read(namespace, operator, "gpu_seconds_total")
    time.sleep(1)
    second = _read(namespace, operator, "gpu_seconds_total")
    assert 8 <= second["requested"] - first["requested"] <= 8 * (time.monotonic() - before_reading)
    assert 0 == second["ready"]

    namespace.wait_until_ready()
    _wait_for_gpus(namespace, operator, (8, 8, 8))
    assert 1 == _read_condition(namespace, operator, "Ready", "True")
    assert None is _read_condition(namespace, operator, "Ready", "False")
    seconds, limit = _read(namespace, operator, "gpu_seconds_total"), 8 * (time.monotonic() - begun)
    assert seconds["ready"] < seconds["requested"] < seconds["desired"] <= limit
    starts_after = _read_starts(operator)
    added = {key: starts_after[key] - starts_before[key] for key in starts_after}
    assert [1, 1, 1, 1] == [added[phase, "count"] for phase in ("plan", "schedule", "load", "total")]
    assert 8 <= added["load", "sum"] <= added["total", "sum"]

    namespace.patch("nemo", "nemotron", {"spec": {"suspend": True}})
    _wait_for_gpus(namespace, operator, (0, 0, 0))

    namespace.kubectl("delete", "nemo", "nemotron")
    wait_until("no series is left of it", lambda: not _list_series(namespace, operator))


def test_a_restarted_operator_counts_anew_and_observes_no_start_twice(
    namespace: Namespace, operator: RunningOperator
) -> None:
    wait_until_alone(namespace)
    namespace.apply(a_resource())
    namespace.wait_until_ready()

    operator.component.stop()
    restarted_at = time.monotonic()
    operator.restart()
    operator.wait_until_synced()

    seconds = _read(namespace, operator, "gpu_seconds_total")
    assert (2, 2, 2) == _read_gpus(namespace, operator)
    assert 0 <= seconds["ready"] <= 2 * (time.monotonic() - restarted_at)
    assert [0.0] * 14 == [*_read_starts(operator).values()]


def test_every_line_of_the_log_is_an_object_and_those_of_a_reconcile_name_the_resource(
    namespace: Namespace, operator: RunningOperator
) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()

    def look() -> list[dict[str, Any]] | None:
        """Read the log; None while it does not tell of each step, which it does after the status."""
        told = _read_log(operator)
        ours = [line for line in told if (line.get("namespace"), line.get("name")) == (namespace.name, "nemotron")]
        steps = {line["message"].split(":")[0] for line in ours}
        return told if {"Fits", "Downloading", "Cached", "Serving"} <= steps else None

    told = wait_until("each step is in the log", look)
    assert [] == [line for line in told if not {"time", "level", "logger", "message"} <= line.keys()]
    assert [] == [line for line in told if "Serving: " in line["message"] and "name" not in line]


def _read_log(operator: RunningOperator) -> list[dict[str, Any]]:
    """Read the lines that are written to their end, but for those by which the laboratory marks a start."""
    written, _, _ = operator.component.log.read_text().rpartition("\n")
    return [json.loads(line) for line in written.splitlines() if not line.startswith("--- ")]


def _wait_for_gpus(namespace: Namespace, operator: RunningOperator, expected: tuple[float, ...]) -> None:
    wait_until(f"GPUs {expected}", lambda: _read_gpus(namespace, operator) == expected)


def _read_gpus(namespace: Namespace, operator: RunningOperator) -> tuple[float | None, ...]:
    gpus = _read(namespace, operator, "resource_gpus")
    return tuple(gpus.get(state) for state in STATES)


def _read(namespace: Namespace, operator: RunningOperator, metric: str) -> dict[str, float]:
    """Read a metric of the resource by its state."""
    told = operator.read_metrics()
    series = f'nemotron_operator_{metric}{{name="nemotron",namespace="{namespace.name}",state="%s"}}'
    return {state: told[series % state] for state in STATES if series % state in told}


def _read_condition(namespace: Namespace, operator: RunningOperator, condition: str, status: str) -> float | None:
    labels = f'condition="{condition}",name="nemotron",namespace="{namespace.name}",status="{status}"'
    return operator.read_metrics().get(f"nemotron_operator_resource_condition{{{labels}}}")


def _read_starts(operator: RunningOperator) -> dict[tuple[str, str], float]:
    """Read how many starts there were and how long they took, by phase."""
    told = operator.read_metrics()
    return {
        (phase, part): told[f'nemotron_operator_time_to_ready_seconds_{part}{{phase="{phase}"}}']
        for phase in ("plan", "cache", "schedule", "pull", "load", "verify", "total")
        for part in ("count", "sum")
    }


def _list_series(namespace: Namespace, operator: RunningOperator) -> list[str]:
    return [name for name in operator.read_metrics() if f'namespace="{namespace.name}"' in name]
