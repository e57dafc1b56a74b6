from nemotron_operator.runtime.metrics import Metrics
from nemotron_operator.runtime.work_queue import QueueObserver


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"nemotron_operator_{name}", labels)


def test_the_metrics_observe_a_queue() -> None:
    metrics = Metrics()
    observer: QueueObserver = metrics
    observer.on_add()
    observer.on_add()
    observer.on_start(0.25)
    assert 1 == value(metrics, "workqueue_depth")
    assert 2 == value(metrics, "workqueue_adds_total")
    assert 1 == value(metrics, "active_workers")
    assert 0.25 == value(metrics, "workqueue_queue_duration_seconds_sum")


def test_a_run_counts_by_how_it_ended() -> None:
    metrics = Metrics()
    for error, come_back_seconds in [(None, None), (None, None), (None, 30.0), (ValueError("no"), None)]:
        metrics.on_add()
        metrics.on_start(0)
        metrics.on_done(0.5, error, come_back_seconds)
    assert 2 == value(metrics, "reconcile_total", result="success")
    assert 1 == value(metrics, "reconcile_total", result="requeue_after")
    assert 1 == value(metrics, "reconcile_total", result="error")
    assert 1 == value(metrics, "workqueue_retries_total")
    assert 4 == value(metrics, "reconcile_time_seconds_count")
    assert 2.0 == value(metrics, "reconcile_time_seconds_sum")
    assert 0 == value(metrics, "active_workers")
    assert 0 == value(metrics, "workqueue_depth")


def test_every_result_is_there_before_the_first_reconcile() -> None:
    metrics = Metrics()
    results = ("success", "requeue_after", "error")
    assert [0, 0, 0] == [value(metrics, "reconcile_total", result=result) for result in results]


def test_requests_count_by_verb_kind_and_code() -> None:
    metrics = Metrics()
    metrics.count_request("patch", "Deployment", 200)
    metrics.count_request("patch", "Deployment", "timeout")
    assert 1 == value(metrics, "api_requests_total", verb="patch", kind="Deployment", code="200")
    assert 1 == value(metrics, "api_requests_total", verb="patch", kind="Deployment", code="timeout")


def test_what_others_fill_has_the_promised_names() -> None:
    metrics = Metrics()
    metrics.kopf_restarts.inc()
    metrics.cache_objects.labels("Deployment").set(7)
    metrics.event_loop_lag.observe(0.2)
    metrics.leader.set(1)
    metrics.last_resync.set(1700000000)
    metrics.resync_period.set(600)
    metrics.workqueue_failing.set(3)
    assert 1 == value(metrics, "kopf_restarts_total")
    assert 7 == value(metrics, "cache_objects", kind="Deployment")
    assert 0.2 == value(metrics, "event_loop_lag_seconds_sum")
    assert 1 == value(metrics, "leader")
    assert 1700000000 == value(metrics, "last_resync_timestamp_seconds")
    assert 600 == value(metrics, "resync_period_seconds")
    assert 3 == value(metrics, "workqueue_failing_keys")


def test_downloads_and_cached_models_are_told() -> None:
    metrics = Metrics()
    metrics.downloads_active.set(2)
    metrics.downloads_remaining_bytes.set(36_342_500_000)
    metrics.cached_bytes.set(72_685_000_000)
    assert 2 == value(metrics, "downloads_active")
    assert 36_342_500_000 == value(metrics, "downloads_remaining_bytes")
    assert 72_685_000_000 == value(metrics, "cached_bytes")


def test_every_name_has_our_prefix_or_is_the_process_collectors() -> None:
    names = {family.name for family in Metrics().registry.collect()}
    assert [] == [name for name in names if not name.startswith(("nemotron_operator_", "process_"))]


def test_every_metric_is_described_as_it_is_told() -> None:
    metrics = Metrics()
    families = [family for family in metrics.registry.collect() if not family.name.startswith("process_")]
    told = {
        (f"{family.name}_total" if family.type == "counter" else family.name, family.type, family.documentation)
        for family in families
    }
    assert told == {(each.name, each.kind, each.meaning) for each in metrics.maker.descriptions}


def test_the_phases_of_a_start_are_observed_each_on_its_own() -> None:
    metrics = Metrics()
    metrics.count_start({"pull": 70, "total": 1004})
    counts = {phase: value(metrics, "time_to_ready_seconds_count", phase=phase) for phase in ("pull", "load", "total")}
    assert {"pull": 1, "load": 0, "total": 1} == counts
    assert 1004 == value(metrics, "time_to_ready_seconds_sum", phase="total")


def test_two_sets_of_metrics_do_not_meet() -> None:
    first, second = Metrics(), Metrics()
    first.on_add()
    assert 0 == value(second, "workqueue_adds_total")
