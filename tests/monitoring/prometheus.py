"""Prometheus' own engine, asked by JSON, and Grafana's schema beside it: `lab/toolchain/promql`."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

STEP_SECONDS = 60
"""How often rules are evaluated, and how far apart the values of a written series are."""


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="forbid")


class AnsweredSeries(_Answer):
    """One series of an answer."""

    labels: dict[str, str]
    value: str


class Selector(_Answer):
    """What a query reads."""

    selector: str
    metric: str
    series: int
    """How many series the metric has, whatever their labels."""
    matched: int
    """How many of them the selector takes."""
    unknown_labels: list[str]
    """Labels of the selector that no series of the metric has."""


class QueryAnswer(_Answer):
    """What a query gives."""

    error: str
    series: list[AnsweredSeries]
    selectors: list[Selector]
    unknown_labels: list[str]
    """Labels by which it groups or joins, and that nothing has which it reads."""
    infos: list[str]


class Firing(_Answer):
    """An alert that fired."""

    alert: str
    labels: dict[str, str]
    annotations: dict[str, str]
    from_seconds: int
    to_seconds: int


class TargetAnswer(_Answer):
    """What became of a target."""

    error: str
    labels: dict[str, str] | None
    kept: bool


@dataclass(frozen=True)
class Series:
    """What was scraped: pairs of seconds and value."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Written:
    """A series in promtool's notation."""

    series: str
    values: str


@dataclass(frozen=True)
class Prometheus:
    """The program."""

    program: Path

    def query(self, queries: Sequence[str], series: Sequence[Series], at_seconds: int) -> list[QueryAnswer]:
        """Evaluate queries once."""
        asked = [{"expr": query, "atSeconds": at_seconds} for query in queries]
        return [QueryAnswer(**each) for each in self._ask(queries=asked, series=_plain(series))["queries"]]

    def fire(
        self,
        groups: Sequence[Mapping[str, Any]],
        until_seconds: int,
        series: Sequence[Series] = (),
        written: Sequence[Written] = (),
        step_seconds: int = STEP_SECONDS,
    ) -> list[Firing]:
        """Evaluate rules at each step; tell what fired."""
        request = {
            "groups": groups,
            "untilSeconds": until_seconds,
            "stepSeconds": step_seconds,
            "series": _plain(series),
            "written": [{"series": each.series, "values": each.values} for each in written],
        }
        return [Firing(**each) for each in self._ask(**request)["alerts"]]

    def check_dashboards(self, dashboards: Sequence[Mapping[str, Any]]) -> list[str]:
        """Read dashboards by Grafana's schema; tell what it has against each."""
        return [str(each) for each in self._ask(dashboards=dashboards)["dashboards"]]

    def relabel(self, labels: Mapping[str, str], relabelings: Sequence[Mapping[str, Any]]) -> TargetAnswer:
        """Make of a target what a Prometheus makes of it."""
        (answer,) = self._ask(targets=[{"labels": labels, "relabelings": relabelings}])["targets"]
        return TargetAnswer(**answer)

    def _ask(self, **request: object) -> dict[str, Any]:
        answer = subprocess.run([self.program], input=json.dumps(request), capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        answered: dict[str, Any] = json.loads(answer.stdout)
        return answered


def _plain(series: Sequence[Series]) -> list[dict[str, object]]:
    return [{"labels": each.labels, "samples": each.samples} for each in series]
