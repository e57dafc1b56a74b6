"""Runtime: how metrics are made, so that each of them is also described for the reference page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.registry import Collector

NAMESPACE: Final = "nemotron_operator"
"""The prefix of every name but `process_*`, which is Prometheus' own."""


@dataclass(frozen=True, slots=True)
class MetricDescription:
    """What a person reads of a metric."""

    name: str
    """As it stands in a scrape."""
    kind: str
    """`counter`, `gauge` or `histogram`."""
    meaning: str
    labels: tuple[str, ...] = ()


class MetricMaker:
    """Makes metrics on a registry of its own, and remembers what each of them says."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.descriptions: list[MetricDescription] = []

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        """Make a counter; `_total` is added to its name."""
        self._describe(f"{name}_total", "counter", meaning, labels)
        return Counter(name, meaning, labels, namespace=NAMESPACE, registry=self.registry)

    def gauge(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        """Make a gauge."""
        self._describe(name, "gauge", meaning, labels)
        return Gauge(name, meaning, labels, namespace=NAMESPACE, registry=self.registry)

    def histogram(self, name: str, meaning: str, buckets: Sequence[float], labels: Sequence[str] = ()) -> Histogram:
        """Make a histogram; `buckets` are upper bounds."""
        self._describe(name, "histogram", meaning, labels)
        return Histogram(name, meaning, labels, namespace=NAMESPACE, registry=self.registry, buckets=buckets)

    def add(self, collector: Collector, descriptions: Iterable[MetricDescription]) -> None:
        """Add what makes its series anew at each scrape."""
        self.registry.register(collector)
        self.descriptions.extend(descriptions)

    def _describe(self, name: str, kind: str, meaning: str, labels: Sequence[str]) -> None:
        self.descriptions.append(MetricDescription(f"{NAMESPACE}_{name}", kind, meaning, tuple(labels)))
