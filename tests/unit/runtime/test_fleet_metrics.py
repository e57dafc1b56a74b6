from typing import Any

from prometheus_client import CollectorRegistry

from nemotron_operator.runtime.fleet_metrics import ConditionReport, FleetMetrics, GpuCounts, ResourceReport

READY = ConditionReport("Ready", "True", "Serving")
LOADING = ConditionReport("Ready", "False", "Loading")


def a_report(name: str = "nemotron", *conditions: ConditionReport, **gpus: float) -> ResourceReport:
    return ResourceReport("team", name, "org/model", "H100-80GB", conditions or (READY,), GpuCounts(**gpus))


def registered(fleet: FleetMetrics) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(fleet)
    return registry


def value(fleet: FleetMetrics, metric: str, **labels: str) -> float | None:
    return registered(fleet).get_sample_value(f"nemotron_operator_{metric}", labels)


def gpu_seconds(fleet: FleetMetrics, state: str, name: str = "nemotron", namespace: str = "team") -> float | None:
    return value(fleet, "gpu_seconds_total", namespace=namespace, name=name, state=state)


def test_before_the_first_look_there_is_no_series() -> None:
    assert [] == [sample for family in FleetMetrics().collect() for sample in family.samples]


def test_gpus_count_by_state_for_as_long_as_they_are_held() -> None:
    fleet = FleetMetrics()
    fleet.take([a_report(desired=8)], now=100)
    assert [8, 0] == [
        value(fleet, "resource_gpus", namespace="team", name="nemotron", state="desired"),
        gpu_seconds(fleet, "desired"),
    ]
    fleet.take([a_report(desired=8, requested=8)], now=110)
    fleet.take([a_report(desired=8, requested=8, ready=8)], now=130)
    fleet.take([a_report()], now=160)
    fleet.take([a_report()], now=1000)
    assert [60 * 8, 50 * 8, 30 * 8] == [gpu_seconds(fleet, state) for state in ("desired", "requested", "ready")]


def test_a_start_is_told_while_it_is_on_its_way() -> None:
    fleet = FleetMetrics(named_resources=1)
    fleet.take([a_report("a"), a_report("b")], now=0, starts={("team", "a"): 1_800_000_000, ("team", "b"): 1})
    metric = "resource_start_asked_timestamp_seconds"
    told = [value(fleet, metric, namespace="team", name=name) for name in ("a", "b")]
    assert [1_800_000_000, None] == told
    fleet.take([a_report("a")], now=5)
    assert None is value(fleet, metric, namespace="team", name="a")


def test_the_first_look_counts_no_time_before_it() -> None:
    fleet = FleetMetrics()
    fleet.take([a_report(requested=8)], now=1_000_000)
    assert 0 == gpu_seconds(fleet, "requested")


def test_a_deleted_resource_has_no_series_and_begins_at_zero_when_it_comes_back() -> None:
    fleet = FleetMetrics()
    fleet.take([a_report("a", requested=8), a_report("b", requested=1)], now=0)
    fleet.take([a_report("b", requested=1)], now=10)
    assert (None, 10) == (gpu_seconds(fleet, "requested", "a"), gpu_seconds(fleet, "requested", "b"))
    assert {"b"} == {
        sample.labels["name"] for family in fleet.collect() for sample in family.samples if "name" in sample.labels
    }
    fleet.take([a_report("a", requested=8)], now=20)
    assert 0 == gpu_seconds(fleet, "requested", "a")


def test_only_the_status_that_a_condition_has_is_told() -> None:
    fleet = FleetMetrics()
    labels = {"namespace": "team", "name": "nemotron", "condition": "Ready"}
    fleet.take([a_report("nemotron", LOADING)], now=0)
    fleet.take([a_report("nemotron", READY)], now=1)
    told = [value(fleet, "resource_condition", **labels, status=status) for status in ("True", "False")]
    assert [1, None] == told


def test_resources_are_counted_by_condition_status_and_reason() -> None:
    fleet = FleetMetrics()
    fleet.take([a_report("a"), a_report("b"), a_report("c", LOADING)], now=0)
    assert [2, 1] == [
        value(fleet, "resources", condition="Ready", status="True", reason="Serving"),
        value(fleet, "resources", condition="Ready", status="False", reason="Loading"),
    ]


def test_model_and_accelerator_are_told() -> None:
    fleet = FleetMetrics()
    fleet.take([a_report()], now=0)
    labels = {"namespace": "team", "name": "nemotron", "model": "org/model", "accelerator": "H100-80GB"}
    assert 1 == value(fleet, "resource_info", **labels)


def test_beyond_the_limit_gpus_are_told_as_one_and_the_sums_stay() -> None:
    fleet = FleetMetrics(named_resources=2)
    reports = [a_report(name, requested=4) for name in ("a", "b", "c", "d")]
    fleet.take(reports, now=0)
    fleet.take(reports, now=10)
    assert [40, None, 80] == [
        gpu_seconds(fleet, "requested", "a"),
        gpu_seconds(fleet, "requested", "c"),
        gpu_seconds(fleet, "requested", "", ""),
    ]
    assert 4 * 4 == total(fleet, "resource_gpus", state="requested")
    assert {"a", "b"} == names(fleet, "resource_condition")
    assert 4 == value(fleet, "resources", condition="Ready", status="True", reason="Serving")


def test_a_resource_keeps_its_series_when_others_come_and_a_free_place_is_given_away() -> None:
    fleet = FleetMetrics(named_resources=2)
    fleet.take([a_report("b"), a_report("c")], now=0)
    fleet.take([a_report("a"), a_report("b"), a_report("c")], now=1)
    assert {"b", "c"} == names(fleet, "resource_info")
    fleet.take([a_report("a"), a_report("c")], now=2)
    assert {"a", "c"} == names(fleet, "resource_info")


def test_the_counter_of_the_others_never_falls() -> None:
    fleet = FleetMetrics(named_resources=1)
    fleet.take([a_report("a", ready=1), a_report("b", ready=1)], now=0)
    fleet.take([a_report("b", ready=1)], now=10)
    fleet.take([a_report("b", ready=1)], now=20)
    assert (10, 10) == (gpu_seconds(fleet, "ready", "", ""), gpu_seconds(fleet, "ready", "b"))


def test_each_scrape_looks_anew() -> None:
    fleet, clock = FleetMetrics(), iter([0.0, 7.0, 9.0])

    def look() -> None:
        fleet.take([a_report(ready=2)], next(clock))

    fleet.look = look
    assert [0, 14, 18] == [gpu_seconds(fleet, "ready") for _ in range(3)]


def total(fleet: FleetMetrics, metric: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in fleet.collect()
        for sample in family.samples
        if sample.name == f"nemotron_operator_{metric}" and labels.items() <= sample.labels.items()
    )


def names(fleet: FleetMetrics, metric: str) -> set[Any]:
    families = (family for family in fleet.collect() if family.name == f"nemotron_operator_{metric}")
    return {sample.labels["name"] for family in families for sample in family.samples}
