"""What a real vLLM and the operator told, as Prometheus has it after an hour of reading them.

A recording is one scrape. All that it counts was counted since the process started, so the hour goes from 0 to what
was recorded, evenly; what is no counter stays as it was.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.monitoring.prometheus import STEP_SECONDS, Series
from tests.support.helm import NAMESPACE, RELEASE

RECORDED = Path(__file__).parent / "recorded"

HOUR_SECONDS = 3600

OPERATOR_TARGET = {
    "container": "operator",
    "endpoint": "http",
    "instance": "10.0.0.7:8080",
    "job": f"{RELEASE}-metrics",
    "namespace": NAMESPACE,
    "pod": f"{RELEASE}-6f7c9d-x2b4q",
    "service": f"{RELEASE}-metrics",
}
"""What the Prometheus Operator makes of the ServiceMonitor's target."""

MODEL = {"namespace": "models", "name": "ready"}
"""The resource of the operator's recording that serves."""

ENGINE_TARGET = {
    **MODEL,
    "container": "vllm",
    "endpoint": "http",
    "instance": "10.0.1.9:8000",
    "job": "nemotron-engines",
    "pod": "ready-7d8f6b-k9w2c",
}
"""What it makes of the PodMonitor's target, as test_monitors.py holds it."""

_COUNTED = {"counter", "histogram"}


def read_operator() -> list[Series]:
    """Read the operator's recording; it says itself which resource a series is about (honorLabels)."""
    return list(_read("operator.prom", OPERATOR_TARGET))


def read_engine() -> list[Series]:
    """Read vLLM's recording."""
    return list(_read("vllm.prom", ENGINE_TARGET))


def read_foreign_engine() -> list[Series]:
    """Read vLLM's recording as that of an engine that somebody else made in the same namespace, and reads."""
    target = {**ENGINE_TARGET, "job": "other-vllm"}
    del target["name"]
    return list(_read("vllm.prom", target))


def read_engine_of_another_monitor() -> list[Series]:
    """Read vLLM's recording as a PodMonitor of the platform's own reads it: it sets `name`, and no job of ours."""
    return list(_read("vllm.prom", {**ENGINE_TARGET, "job": "platform/engines"}))


def read_all() -> list[Series]:
    """Read both."""
    return [*read_operator(), *read_engine()]


def read_healthy() -> list[Series]:
    """Read both, without the resources that are in trouble; downloads move."""
    series = [each for each in read_all() if each.labels.get("namespace") != "models" or each.labels["name"] == "ready"]
    return [_let_fall(each) if each.labels["__name__"].endswith("_remaining_bytes") else each for each in series]


def _read(file: str, target: Mapping[str, str]) -> Iterator[Series]:
    text = (RECORDED / file).read_text()
    yield Series({"__name__": "up", **target}, _keep(1))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.endswith("_created"):
                continue  # Prometheus does not read them as times, and nobody asks for them.
            labels = {"__name__": sample.name, **target, **sample.labels}
            counted = family.type in _COUNTED
            yield Series(labels, _count(sample.value) if counted else _keep(sample.value))


def _times() -> range:
    return range(0, HOUR_SECONDS + 1, STEP_SECONDS)


def _keep(value: float) -> list[tuple[int, float]]:
    return [(seconds, value) for seconds in _times()]


def _count(value: float) -> list[tuple[int, float]]:
    return [(seconds, value * seconds / HOUR_SECONDS) for seconds in _times()]


def _let_fall(series: Series) -> Series:
    return Series(series.labels, [(seconds, value - seconds) for seconds, value in series.samples])
