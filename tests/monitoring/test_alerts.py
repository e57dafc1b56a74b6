"""The alerts: each fires when it should and not before, and says it in words that hold."""

import re
from typing import Any

import pytest
import yaml

from generate.alerts.alert_files import GROUPS, list_alerts
from generate.alerts.rules import OPERATOR
from tests.monitoring.conftest import Objects
from tests.monitoring.prometheus import STEP_SECONDS, Prometheus, QueryAnswer, Series
from tests.monitoring.recordings import (
    HOUR_SECONDS,
    MODEL,
    read_all,
    read_engine_of_another_monitor,
    read_foreign_engine,
    read_healthy,
)
from tests.monitoring.scenarios import CASES, SCENARIOS, Case, Scenario, write
from tests.support.helm import RELEASE, Helm, HelmError, read_objects

Groups = list[dict[str, Any]]

ALERTS = {alert.name: alert for alert in list_alerts()}

RECORDINGS = [rule.name for group in GROUPS for rule in group.recordings]

for_all_scenarios = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.alert)


@pytest.fixture(scope="session")
def groups(rendered: Objects) -> Groups:
    """The rules as the chart makes them."""
    found: Groups = rendered["PrometheusRule", RELEASE]["spec"]["groups"]
    return found


def test_every_alert_has_a_scenario() -> None:
    assert sorted(ALERTS) == sorted(scenario.alert for scenario in SCENARIOS)


def test_the_chart_carries_every_rule(groups: Groups) -> None:
    expected = [
        rule["record"] if "record" in rule else rule["alert"] for group in GROUPS for rule in group.render()["rules"]
    ]
    assert expected == [rule.get("record") or rule["alert"] for group in groups for rule in group["rules"]]


@for_all_scenarios
def test_it_fires_after_its_time_and_says_what_is_so(
    prometheus: Prometheus, groups: Groups, scenario: Scenario
) -> None:
    fired = prometheus.fire(groups, scenario.seconds, written=write(scenario.fires))
    (alert,) = [each for each in fired if each.alert == scenario.alert]
    assert scenario.first_minute == alert.from_seconds / STEP_SECONDS
    assert scenario.labels.items() <= alert.labels.items()
    assert scenario.says == alert.annotations["summary"]
    assert not re.search(r"\{\{|<no value>|<error", " ".join(alert.annotations.values()))


@for_all_scenarios
def test_it_is_silent_where_it_is_only_nearly_so(prometheus: Prometheus, groups: Groups, scenario: Scenario) -> None:
    fired = prometheus.fire(groups, scenario.seconds, written=write(scenario.is_silent))
    assert [] == [each for each in fired if each.alert == scenario.alert]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.name}")
def test_it_tells_apart_what_looks_alike(prometheus: Prometheus, groups: Groups, case: Case) -> None:
    step_seconds = case.step_minutes * STEP_SECONDS
    fired = prometheus.fire(groups, case.seconds, written=write(case.series), step_seconds=step_seconds)
    times = [(each.from_seconds, each.to_seconds) for each in fired if each.alert == case.alert]
    first, last = (
        ([time / STEP_SECONDS for time in seconds] for seconds in zip(*times, strict=True)) if times else ([], [])
    )
    assert ([] if case.first_minute is None else [case.first_minute]) == first
    assert case.last_minute is None or [case.last_minute] == last


def test_a_healthy_hour_is_a_quiet_one(prometheus: Prometheus, groups: Groups) -> None:
    assert [] == prometheus.fire(groups, HOUR_SECONDS, series=read_healthy())


def test_what_was_recorded_of_resources_in_trouble_is_told(prometheus: Prometheus, groups: Groups) -> None:
    fired = {(each.alert, each.labels.get("name")) for each in prometheus.fire(groups, HOUR_SECONDS, series=read_all())}
    assert {
        ("NemotronModelNotReady", "loading"),
        ("NemotronModelNotReady", "downloading"),
        ("NemotronModelNotReady", "failing"),
        ("NemotronModelStalled", "failing"),
        ("NemotronModelStalled", "refused"),
        ("NemotronGpusPaidNotServing", "loading"),
        ("NemotronGpusPaidNotServing", "failing"),
    } == {each for each in fired if each[1] is not None}


WRITTEN_BY_PROMETHEUS = Series(
    {"__name__": "ALERTS", "alertname": "NemotronModelDown", "alertstate": "firing", **MODEL}, [(HOUR_SECONDS, 1)]
)
"""What Prometheus itself says of an alert that fires."""


@pytest.fixture(scope="session")
def answers(prometheus: Prometheus, groups: Groups) -> dict[str, QueryAnswer]:
    """What each rule reads and gives of the recordings."""
    exprs = {rule.get("alert") or rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}
    series = [*read_all(), WRITTEN_BY_PROMETHEUS]
    return dict(zip(exprs, prometheus.query([*exprs.values()], series, HOUR_SECONDS), strict=True))


@pytest.mark.parametrize(
    ("series", "expected"),
    [(read_foreign_engine(), {False}), (read_engine_of_another_monitor(), {True})],
    ids=["somebody else's", "of a PodMonitor of one's own"],
)
def test_of_engines_those_are_read_that_have_the_name_of_a_resource(
    prometheus: Prometheus, groups: Groups, series: list[Series], expected: set[bool]
) -> None:
    exprs = [rule["expr"] for group in groups for rule in group["rules"] if "vllm:" in rule["expr"]]
    assert exprs
    answered = prometheus.query(exprs, series, HOUR_SECONDS)
    selectors = [selector for answer in answered for selector in answer.selectors]
    assert expected == {bool(selector.matched) for selector in selectors}


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDINGS])
def test_a_rule_reads_only_what_is_recorded(answers: dict[str, QueryAnswer], rule: str) -> None:
    answer = answers[rule]
    assert ("", []) == (answer.error, answer.infos)
    assert [] == [each.selector for each in answer.selectors if not each.series or each.unknown_labels]
    assert [] == answer.unknown_labels


@pytest.mark.parametrize("rule", RECORDINGS)
def test_a_recording_rule_gives_series(answers: dict[str, QueryAnswer], rule: str) -> None:
    assert answers[rule].series


@pytest.mark.parametrize("alert", ALERTS)
def test_its_labels_and_annotations_are_those_that_others_expect(groups: Groups, alert: str) -> None:
    (rule,) = [rule for group in groups for rule in group["rules"] if rule.get("alert") == alert]
    assert {"summary", "description", "runbook_url"} == rule["annotations"].keys()
    assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{alert}.md")
    assert {"severity"} == rule["labels"].keys()
    assert len(rule["annotations"]["summary"]) < 120


def test_the_runbooks_of_a_platform_of_its_own_are_linked(helm_4: Helm) -> None:
    values = {"runbookBaseUrl": "https://wiki.example.com/nemotron/", "alertLabels": {"team": "platform"}}
    rule = first_alert(helm_4, **values)
    assert "https://wiki.example.com/nemotron/NemotronModelDown.md" == rule["annotations"]["runbook_url"]
    assert {"severity": "critical", "team": "platform"} == rule["labels"]


def test_an_alert_can_be_left_out(helm_4: Helm) -> None:
    assert "NemotronModelNotReady" == first_alert(helm_4, disabled=["NemotronModelDown"])["alert"]


def test_an_alert_that_there_is_not_cannot_be_left_out(helm_4: Helm) -> None:
    with pytest.raises(HelmError, match="/monitoring/rules/disabled/0"):
        render_rules(helm_4, disabled=["NemotronModelDwon"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"nemotron-models"}),
        ({"engines": {"enabled": True}}, {"nemotron-models", "nemotron-engines"}),
        ({"operator": {"enabled": True}}, {"nemotron-models", "nemotron-operator"}),
    ],
    ids=["neither", "engines", "operator"],
)
def test_what_nobody_reads_has_no_alerts(helm_4: Helm, values: dict[str, Any], expected: set[str]) -> None:
    monitoring = {"rules": {"enabled": True}, **values}
    rule = read_objects(helm_4.render(values={"monitoring": monitoring}))["PrometheusRule", RELEASE]
    assert expected == {group["name"] for group in rule["spec"]["groups"]}


def test_no_placeholder_is_left(groups: Groups) -> None:
    assert not re.search(f"{OPERATOR}|RUNBOOK_BASE|^  reads:", yaml.safe_dump(groups))


def render_rules(helm: Helm, **values: object) -> Groups:
    rendered = read_objects(helm.render(values={"monitoring": {"rules": {"enabled": True, **values}}}))
    found: Groups = rendered["PrometheusRule", RELEASE]["spec"]["groups"]
    return found


def first_alert(helm: Helm, **values: object) -> dict[str, Any]:
    return next(rule for group in render_rules(helm, **values) for rule in group["rules"] if "alert" in rule)
