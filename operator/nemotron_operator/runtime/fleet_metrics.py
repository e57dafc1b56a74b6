"""Runtime: what each resource is told to Prometheus as, and for how long it has held GPUs.

The series are made anew at each scrape from the last look, so that those of a deleted resource end with it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from nemotron_operator.runtime.metric_maker import NAMESPACE, MetricDescription

Key = tuple[str, str]
"""Namespace and name of a resource."""

NAMED_RESOURCES: Final = 2000
"""How many resources have series of their own, about 13 each; one resource is at least one GPU."""

OTHERS: Final[Key] = ("", "")
"""Under which key the GPUs of all further resources are told together, so that sums over all stay right."""

GPU_STATES: Final = ("desired", "requested", "ready")
"""Which GPUs are counted, in the order of `GpuCounts`."""

RESOURCES: Final = MetricDescription(
    f"{NAMESPACE}_resources",
    "gauge",
    "NemotronDeployments by what their conditions say.",
    ("condition", "status", "reason"),
)

CONDITION: Final = MetricDescription(
    f"{NAMESPACE}_resource_condition",
    "gauge",
    "1 for the status that a condition of a NemotronDeployment has now; the other statuses have no series.",
    ("namespace", "name", "condition", "status"),
)

INFO: Final = MetricDescription(
    f"{NAMESPACE}_resource_info",
    "gauge",
    "1, with the model that is asked for and the planned accelerator, which is empty where there is no plan.",
    ("namespace", "name", "model", "accelerator"),
)

GPUS: Final = MetricDescription(
    f"{NAMESPACE}_resource_gpus",
    "gauge",
    "GPUs of a NemotronDeployment: desired by its plan, or where a changed spec is refused by what goes on without it, "
    "requested by pods that hold them on a node and so are paid, ready in pods that serve.",
    ("namespace", "name", "state"),
)

GPU_SECONDS: Final = MetricDescription(
    f"{NAMESPACE}_gpu_seconds_total",
    "counter",
    "GPUs of a NemotronDeployment times seconds, since this process leads; paid but not ready is requested less ready.",
    ("namespace", "name", "state"),
)

START_ASKED: Final = MetricDescription(
    f"{NAMESPACE}_resource_start_asked_timestamp_seconds",
    "gauge",
    "When the start that is on its way was asked for by a new or changed spec, in Unix time; no series where nothing "
    "is on its way, or this process did not see it begin.",
    ("namespace", "name"),
)

DESCRIPTIONS: Final = (RESOURCES, CONDITION, INFO, GPUS, GPU_SECONDS, START_ASKED)
"""Every family, in the order in which they are told."""


class ConditionReport(NamedTuple):
    """What one condition says."""

    type: str
    status: str
    reason: str


class GpuCounts(NamedTuple):
    """GPUs of one resource, or seconds of them."""

    desired: float = 0
    requested: float = 0
    ready: float = 0

    def plus(self, other: "GpuCounts", times: float = 1) -> "GpuCounts":
        """Add the other's, as often."""
        return GpuCounts(
            self.desired + other.desired * times,
            self.requested + other.requested * times,
            self.ready + other.ready * times,
        )


@dataclass(frozen=True, slots=True)
class ResourceReport:
    """One resource as it is now."""

    namespace: str
    name: str
    model: str
    accelerator: str
    conditions: tuple[ConditionReport, ...]
    gpus: GpuCounts

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name


class FleetMetrics(Collector):
    """The series of all resources, from one look to the next."""

    def __init__(self, named_resources: int = NAMED_RESOURCES) -> None:
        self.look: Callable[[], None] = lambda: None
        """Called at each scrape, so that its numbers are new; it should end in `take`."""
        self._limit = named_resources
        self._named: dict[Key, ResourceReport] = {}
        self._gpus: dict[Key, GpuCounts] = {}
        self._seconds: dict[Key, GpuCounts] = {}
        self._starts: dict[Key, float] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._taken_at = 0.0  # before the first time, nobody holds anything

    def take(self, reports: Iterable[ResourceReport], now: float, starts: Mapping[Key, float] | None = None) -> None:
        """Take over how all resources are now, and count what they have held since the last time.

        What was seen then counts for the whole time in between.

        Parameters
        ----------
        now
            A monotonic clock's time, in seconds.
        starts
            When each start that is on its way was asked for, in Unix time.
        """
        elapsed, self._taken_at = now - self._taken_at, now
        self._seconds = {key: self._seconds[key].plus(gpus, elapsed) for key, gpus in self._gpus.items()}
        present = {report.key: report for report in reports}
        self._counts = Counter(
            (condition.type, condition.status, condition.reason)
            for report in present.values()
            for condition in report.conditions
        )
        self._name_some(present)
        gpus = {key: report.gpus for key, report in self._named.items()}
        for key in present.keys() - self._named.keys():
            gpus[OTHERS] = gpus.get(OTHERS, GpuCounts()).plus(present[key].gpus)
        if OTHERS in self._seconds:
            gpus.setdefault(OTHERS, GpuCounts())  # a counter does not go while the process lives
        self._gpus = gpus
        self._seconds = {key: self._seconds.get(key, GpuCounts()) for key in gpus}
        self._starts = {key: at for key, at in (starts or {}).items() if key in self._named}

    def describe(self) -> list[Metric]:
        """Name the families without looking."""
        return list(self._make_families())

    @override
    def collect(self) -> Iterator[Metric]:
        """Look, and tell."""
        self.look()
        resources, conditions, infos, gpus, starts, seconds = self._make_families()
        for labels, count in sorted(self._counts.items()):
            resources.add_metric(labels, count)
        for report in self._named.values():
            for condition in report.conditions:
                conditions.add_metric((*report.key, condition.type, condition.status), 1)
            infos.add_metric((*report.key, report.model, report.accelerator), 1)
        for family, known in ((gpus, self._gpus), (seconds, self._seconds)):
            for key, amounts in known.items():
                for state, amount in zip(GPU_STATES, amounts, strict=True):
                    family.add_metric((*key, state), amount)
        for key, at in self._starts.items():
            starts.add_metric(key, at)
        yield from (resources, conditions, infos, gpus, seconds, starts)

    def _name_some(self, present: dict[Key, ResourceReport]) -> None:
        """Let those keep their series that have some, and give what is free to others."""
        named = {key: present[key] for key in self._named if key in present}
        for key, report in present.items():
            if len(named) >= self._limit:
                break
            named.setdefault(key, report)
        self._named = named

    @staticmethod
    def _make_families() -> tuple[
        GaugeMetricFamily,
        GaugeMetricFamily,
        GaugeMetricFamily,
        GaugeMetricFamily,
        GaugeMetricFamily,
        CounterMetricFamily,
    ]:
        resources, conditions, infos, gpus, starts = (
            GaugeMetricFamily(described.name, described.meaning, labels=described.labels)
            for described in (RESOURCES, CONDITION, INFO, GPUS, START_ASKED)
        )
        seconds = CounterMetricFamily(GPU_SECONDS.name, GPU_SECONDS.meaning, labels=GPU_SECONDS.labels)
        return resources, conditions, infos, gpus, starts, seconds
