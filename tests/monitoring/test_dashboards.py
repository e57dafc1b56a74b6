"""The dashboards: Grafana reads them, and every query gives something of what was recorded."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from generate.dashboards.panels import WIDTH
from tests.monitoring.prometheus import Prometheus, QueryAnswer, Series
from tests.monitoring.recordings import HOUR_SECONDS, MODEL, read_all, read_foreign_engine

UIDS = ("nemotron-fleet", "nemotron-model")

CHOSEN = {
    "$__rate_interval": "5m",
    "$__range": "30m",
    '=~"$namespace"': '=~".*"',
    "$namespace": MODEL["namespace"],
    "$name": MODEL["name"],
}
"""What a reader has chosen, and what Grafana fills in by itself."""

VARIABLE = re.compile(r"label_values\((?P<metric>\w+)(\{(?P<matchers>.*)\})?, (?P<label>\w+)\)")


def fill_in(expr: str) -> str:
    for variable, value in CHOSEN.items():
        expr = expr.replace(variable, value)
    return expr


def targets(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give each query with the title of its panel, also of panels in folded rows."""
    panels = [each for panel in dashboard["panels"] for each in [panel, *panel.get("panels", [])]]
    for panel in panels:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", fill_in(target["expr"])


@pytest.fixture(scope="module")
def answers(prometheus: Prometheus, dashboards: dict[str, dict[str, Any]]) -> dict[str, dict[str, QueryAnswer]]:
    """What each query of each dashboard gives."""
    queries = {uid: dict(targets(dashboard)) for uid, dashboard in dashboards.items()}
    everything = [expr for named in queries.values() for expr in named.values()]
    answered = iter(prometheus.query(everything, read_all(), HOUR_SECONDS))
    return {uid: {name: next(answered) for name in named} for uid, named in queries.items()}


def test_there_are_the_dashboards_that_are_tested(dashboards: dict[str, dict[str, Any]]) -> None:
    assert set(UIDS) == {dashboard["uid"] for dashboard in dashboards.values()} == dashboards.keys()


@pytest.mark.parametrize("uid", UIDS)
def test_grafana_has_nothing_against_it(
    prometheus: Prometheus, dashboards: dict[str, dict[str, Any]], uid: str
) -> None:
    assert [""] == prometheus.check_dashboards([dashboards[uid]])


def test_what_grafanas_schema_does_not_know_is_found(
    prometheus: Prometheus, dashboards: dict[str, dict[str, Any]]
) -> None:
    wrong = [{**dashboards["nemotron-fleet"], "colour": "red"}, {**dashboards["nemotron-fleet"], "panels": [{"id": 1}]}]
    assert all(prometheus.check_dashboards(wrong))


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_gives_at_least_one_series(answers: dict[str, dict[str, QueryAnswer]], uid: str) -> None:
    assert answers[uid]
    assert {} == {name: answer.error for name, answer in answers[uid].items() if answer.error or not answer.series}


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_names_only_metrics_and_labels_that_are_recorded(
    answers: dict[str, dict[str, QueryAnswer]], uid: str
) -> None:
    unknown = [
        (name, selector.selector)
        for name, answer in answers[uid].items()
        for selector in answer.selectors
        if not selector.series or selector.unknown_labels
    ]
    assert [] == unknown
    assert {} == {name: answer.unknown_labels for name, answer in answers[uid].items() if answer.unknown_labels}


@pytest.mark.parametrize("uid", UIDS)
def test_an_engine_that_somebody_else_made_is_on_no_panel(
    prometheus: Prometheus, dashboards: dict[str, dict[str, Any]], uid: str
) -> None:
    queries = {name: expr for name, expr in targets(dashboards[uid]) if "vllm:" in expr}
    answered = prometheus.query([*queries.values()], read_foreign_engine(), HOUR_SECONDS)
    assert queries
    assert {} == {name: answer.series for name, answer in zip(queries, answered, strict=True) if answer.series}


@pytest.mark.parametrize("uid", UIDS)
def test_prometheus_remarks_nothing_such_as_a_rate_of_what_is_no_counter(
    answers: dict[str, dict[str, QueryAnswer]], uid: str
) -> None:
    assert {} == {name: answer.infos for name, answer in answers[uid].items() if answer.infos}


@pytest.mark.parametrize("uid", UIDS)
def test_every_legend_names_labels_that_the_series_have(
    answers: dict[str, dict[str, QueryAnswer]], dashboards: dict[str, dict[str, Any]], uid: str
) -> None:
    missing = [
        (panel["title"], label)
        for panel in dashboards[uid]["panels"]
        for target in panel.get("targets", [])
        for label in re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))
        if not all(label in series.labels for series in answers[uid][f"{panel['title']} {target['refId']}"].series)
    ]
    assert [] == missing


@pytest.mark.parametrize("uid", UIDS)
def test_a_panel_of_one_number_gets_one(
    answers: dict[str, dict[str, QueryAnswer]], dashboards: dict[str, dict[str, Any]], uid: str
) -> None:
    tiles = [panel["title"] for panel in dashboards[uid]["panels"] if panel["type"] == "stat"]
    assert tiles
    assert {} == {
        title: answers[uid][f"{title} A"].series for title in tiles if len(answers[uid][f"{title} A"].series) != 1
    }


@pytest.mark.parametrize("uid", UIDS)
def test_every_choice_of_a_variable_is_found(
    prometheus: Prometheus, dashboards: dict[str, dict[str, Any]], uid: str
) -> None:
    asked = [each["query"] for each in dashboards[uid]["templating"]["list"] if each["type"] == "query"]
    for text in asked:
        match = VARIABLE.fullmatch(text)
        assert match is not None
        query = f"count by ({match['label']}) ({match['metric']}{{{match['matchers'] or ''}}})"
        (answer,) = prometheus.query([fill_in(query)], read_all(), HOUR_SECONDS)
        chosen = {series.labels[match["label"]] for series in answer.series}
        assert MODEL[match["label"]] in chosen
    assert asked


@pytest.mark.parametrize("uid", UIDS)
def test_no_panel_covers_another_and_each_has_a_title_of_its_own(
    dashboards: dict[str, dict[str, Any]], uid: str
) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboards[uid]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    titles = [panel["title"] for panel in dashboards[uid]["panels"]]
    assert sorted(set(titles)) == sorted(titles)


def test_what_the_operators_of_several_releases_tell_is_added_up(
    prometheus: Prometheus, dashboards: dict[str, dict[str, Any]]
) -> None:
    """A replica that stands by has an empty cache, and has listed nothing yet."""
    told = {
        "cached_bytes": {},
        "downloads_remaining_bytes": {},
        "resources": {"condition": "Ready", "status": "True", "reason": "Serving"},
        "cache_objects": {"kind": "Pod"},
        "last_resync_timestamp_seconds": {},
    }
    operators = {("a", "a-1"): 600, ("a", "a-2"): 0, ("b", "b-1"): 1200}
    series = [
        Series(
            {"__name__": f"nemotron_operator_{name}", "namespace": namespace, "job": "m", "pod": pod, **labels},
            [(HOUR_SECONDS, value)],
        )
        for name, labels in told.items()
        for (namespace, pod), value in operators.items()
    ]
    expected = {
        "Verified on volumes A": ["1800"],
        "Still to fetch A": ["1800"],
        "Conditions, by reason A": ["1800"],
        "Objects in the watch cache A": ["1800"],
        "Since the last full list A": ["2400", "3000"],
    }
    asked = dict(targets(dashboards["nemotron-fleet"]))
    answered = prometheus.query([asked[name] for name in expected], series, HOUR_SECONDS)
    assert expected == {
        name: sorted(each.value for each in answer.series) for name, answer in zip(expected, answered, strict=True)
    }


def test_a_metric_that_there_is_not_is_found(prometheus: Prometheus) -> None:
    """What the tests above would say of a typing error."""
    queries = ["sum(rate(vllm:generated_tokens_total[5m]))", 'sum by (model) (vllm:num_requests_waiting{mdel="x"})']
    wrong, misnamed = prometheus.query(queries, read_all(), HOUR_SECONDS)
    assert (0, []) == (wrong.selectors[0].series, wrong.series)
    assert (["model"], ["mdel"]) == (misnamed.unknown_labels, misnamed.selectors[0].unknown_labels)
