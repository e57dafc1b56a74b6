"""Runtime: what the operator tells Prometheus.

The names are controller-runtime's, with our prefix in place of its own, so that its dashboards and alerts are easy to
adapt. No label holds a name from a cluster: the number of series does not grow with the number of resources.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

NAMESPACE: Final = "nemotron_operator"
"""The prefix of every name but `process_*`, which is Prometheus' own."""

RESULTS: Final = ("success", "requeue_after", "error")
"""How a reconcile can end; `requeue_after` is a success that asked to come back."""

SECONDS_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""From a reconcile that changes nothing to one that meets its timeout."""

LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
"""From the loop's normal jitter to the lag that fails the liveness probe."""


class Metrics:
    """All metrics of one process, on a registry of their own. It is a `QueueObserver`: the queue fills its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._add_queue_metrics()
        self._add_cluster_metrics()
        self._add_model_metrics()
        self._add_process_metrics()

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

    def _add_queue_metrics(self) -> None:
        self.reconciles = Counter(
            "reconcile", "Reconciles by result.", ["result"], namespace=NAMESPACE, registry=self.registry
        )
        for result in RESULTS:
            self.reconciles.labels(result)  # a series that exists from the start has a rate from the first event
        self.reconcile_seconds = Histogram(
            "reconcile_time_seconds",
            "Length of one reconcile.",
            namespace=NAMESPACE,
            registry=self.registry,
            buckets=SECONDS_BUCKETS,
        )
        self.active_workers = Gauge(
            "active_workers", "Reconciles that run now.", namespace=NAMESPACE, registry=self.registry
        )
        self.workqueue_depth = Gauge(
            "workqueue_depth", "Keys that wait for a worker.", namespace=NAMESPACE, registry=self.registry
        )
        self.workqueue_adds = Counter(
            "workqueue_adds", "Keys that began to wait.", namespace=NAMESPACE, registry=self.registry
        )
        self.workqueue_retries = Counter(
            "workqueue_retries", "Failed runs that are retried.", namespace=NAMESPACE, registry=self.registry
        )
        self.workqueue_queue_seconds = Histogram(
            "workqueue_queue_duration_seconds",
            "Time from asking for a run to its start.",
            namespace=NAMESPACE,
            registry=self.registry,
            buckets=SECONDS_BUCKETS,
        )

    def _add_cluster_metrics(self) -> None:
        self.api_requests = Counter(
            "api_requests",
            "Requests to the API server by verb, kind and status code.",
            ["verb", "kind", "code"],
            namespace=NAMESPACE,
            registry=self.registry,
        )
        self.kopf_restarts = Counter(
            "kopf_restarts", "Times that kopf ended and was started again.", namespace=NAMESPACE, registry=self.registry
        )
        self.cache_objects = Gauge(
            "cache_objects", "Objects in the watch cache.", ["kind"], namespace=NAMESPACE, registry=self.registry
        )
        self.last_resync = Gauge(
            "last_resync_timestamp_seconds",
            "When the cache was last rebuilt from full lists, in Unix time; 0 before the first time.",
            namespace=NAMESPACE,
            registry=self.registry,
        )

    def _add_model_metrics(self) -> None:
        self.downloads_active = Gauge(
            "downloads_active", "Download Jobs that have not ended.", namespace=NAMESPACE, registry=self.registry
        )
        self.downloads_remaining_bytes = Gauge(
            "downloads_remaining_bytes",
            "Bytes that running downloads still have to fetch, as they were last asked.",
            namespace=NAMESPACE,
            registry=self.registry,
        )
        self.cached_bytes = Gauge(
            "cached_bytes",
            "Bytes of verified models on the volumes that the operator made.",
            namespace=NAMESPACE,
            registry=self.registry,
        )

    def _add_process_metrics(self) -> None:
        self.event_loop_lag = Histogram(
            "event_loop_lag_seconds",
            "How late the event loop is.",
            namespace=NAMESPACE,
            registry=self.registry,
            buckets=LAG_BUCKETS,
        )
        self.leader = Gauge(
            "leader", "1 while this process leads, 0 while it stands by.", namespace=NAMESPACE, registry=self.registry
        )
