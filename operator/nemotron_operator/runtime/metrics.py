"""Runtime: what the operator tells Prometheus.

The names are controller-runtime's, with our prefix in place of its own, so that its dashboards and alerts are easy to
adapt. What tells of single resources is in `fleet_metrics.py`, and there alone labels hold names from a cluster: a
resource is at least one GPU, so its few series cost nothing beside it, and without its name nobody can tell whose GPUs
are paid and do not serve. Beyond a number of resources their GPUs are told as one, so the number of series is bounded.
"""

from collections.abc import Mapping
from typing import Final

from prometheus_client import ProcessCollector

from nemotron_operator.runtime import fleet_metrics
from nemotron_operator.runtime.metric_maker import MetricMaker
from nemotron_operator.runtime.work_queue import LASTING_FAILURES

RESULTS: Final = ("success", "requeue_after", "error")
"""How a reconcile can end; `requeue_after` is a success that asked to come back."""

SECONDS_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""From a reconcile that changes nothing to one that meets its timeout."""

START_BUCKETS: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
"""From a model that is cached already to one of a terabyte that is fetched first, in seconds."""

START_PHASES: Final = ("plan", "cache", "schedule", "pull", "load", "verify", "total")
"""The parts of a start, and the whole, which has waits that are in none of them."""

LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
"""From the loop's normal jitter to the lag that fails the liveness probe."""


class Metrics:
    """All metrics of one process, on a registry of their own. It is a `QueueObserver`: the queue fills its own."""

    def __init__(self) -> None:
        self.maker = MetricMaker()
        self.registry = self.maker.registry
        ProcessCollector(registry=self.registry)
        self._add_queue_metrics(self.maker)
        self._add_cluster_metrics(self.maker)
        self._add_model_metrics(self.maker)
        self._add_process_metrics(self.maker)
        self.fleet = fleet_metrics.FleetMetrics()
        self.maker.add(self.fleet, fleet_metrics.DESCRIPTIONS)

    def on_add(self) -> None:
        """Count a key that began to wait."""
        self.workqueue_adds.inc()
        self.workqueue_depth.inc()

    def on_start(self, waited_seconds: float) -> None:
        """Count a key that got a worker."""
        self.workqueue_depth.dec()
        self.active_workers.inc()
        self.workqueue_queue_seconds.observe(waited_seconds)

    def on_done(self, seconds: float, error: BaseException | None, come_back_seconds: float | None) -> None:
        """Count a run by how it ended. Every failed one is retried."""
        self.active_workers.dec()
        self.reconcile_seconds.observe(seconds)
        if error is not None:
            self.workqueue_retries.inc()
            self.reconciles.labels("error").inc()
        else:
            self.reconciles.labels("success" if come_back_seconds is None else "requeue_after").inc()

    def count_request(self, verb: str, kind: str, code: int | str) -> None:
        """Count a request to the API server; a request without an answer has a word as its code, such as `timeout`."""
        self.api_requests.labels(verb, kind, str(code)).inc()

    def count_start(self, seconds_by_phase: Mapping[str, float]) -> None:
        """Count how long the phases of one start took; a phase that it does not name is not told."""
        for phase, seconds in seconds_by_phase.items():
            self.time_to_ready.labels(phase).observe(seconds)

    def _add_queue_metrics(self, maker: MetricMaker) -> None:
        self.reconciles = maker.counter("reconcile", "Reconciles by result.", ["result"])
        for result in RESULTS:
            self.reconciles.labels(result)  # a series that exists from the start has a rate from the first event
        self.reconcile_seconds = maker.histogram("reconcile_time_seconds", "Length of one reconcile.", SECONDS_BUCKETS)
        self.active_workers = maker.gauge("active_workers", "Reconciles that run now.")
        self.workqueue_depth = maker.gauge("workqueue_depth", "Keys that wait for a worker.")
        self.workqueue_adds = maker.counter("workqueue_adds", "Keys that began to wait.")
        self.workqueue_retries = maker.counter("workqueue_retries", "Failed runs that are retried.")
        self.workqueue_failing = maker.gauge(
            "workqueue_failing_keys", f"Keys whose last {LASTING_FAILURES} runs or more all failed."
        )
        self.workqueue_queue_seconds = maker.histogram(
            "workqueue_queue_duration_seconds", "Time from asking for a run to its start.", SECONDS_BUCKETS
        )

    def _add_cluster_metrics(self, maker: MetricMaker) -> None:
        self.api_requests = maker.counter(
            "api_requests", "Requests to the API server by verb, kind and status code.", ["verb", "kind", "code"]
        )
        self.kopf_restarts = maker.counter("kopf_restarts", "Times that kopf ended and was started again.")
        self.cache_objects = maker.gauge("cache_objects", "Objects in the watch cache.", ["kind"])
        self.last_resync = maker.gauge(
            "last_resync_timestamp_seconds",
            "When the cache was last rebuilt from full lists of all that is to be served, in Unix time; 0 before that.",
        )
        self.resync_period = maker.gauge(
            "resync_period_seconds", "How often the cache is rebuilt from full lists: `resyncSeconds`."
        )

    def _add_model_metrics(self, maker: MetricMaker) -> None:
        self.downloads_active = maker.gauge("downloads_active", "Download Jobs that have not ended.")
        self.downloads_remaining_bytes = maker.gauge(
            "downloads_remaining_bytes", "Bytes that running downloads still have to fetch, as they were last asked."
        )
        self.cached_bytes = maker.gauge(
            "cached_bytes", "Bytes of verified models on the volumes that the operator made."
        )
        self.time_to_ready = maker.histogram(
            "time_to_ready_seconds",
            "How long a start took that this process saw from its beginning, once for each revision that became Ready.",
            START_BUCKETS,
            ["phase"],
        )
        for phase in START_PHASES:
            self.time_to_ready.labels(phase)

    def _add_process_metrics(self, maker: MetricMaker) -> None:
        self.event_loop_lag = maker.histogram("event_loop_lag_seconds", "How late the event loop is.", LAG_BUCKETS)
        self.leader = maker.gauge("leader", "1 while this process leads, 0 while it stands by.")
