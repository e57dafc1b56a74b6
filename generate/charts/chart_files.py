"""The generated files of each chart."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from generate.blocks import replace_block
from generate.charts.crds_values import CrdsChartValues
from generate.charts.models.values import ModelsChartValues
from generate.charts.operator.values import OperatorChartValues
from generate.charts.values import ValuesModel
from generate.charts.values_defaults import render_values_defaults
from generate.charts.values_schema import render_values_schema
from generate.charts.values_table import BLOCK, render_values_table
from generate.charts.values_yaml import render_values_yaml

CHARTS: Mapping[str, type[ValuesModel]] = {
    "nemotron-operator": OperatorChartValues,
    "nemotron-operator-crds": CrdsChartValues,
    "nemotron-models": ModelsChartValues,
}
"""The charts by name, with the model of their values."""

DEFAULTS = "files/defaults.yaml"
"""Where a chart keeps its defaults for its templates."""

_CHARTS_WITH_DEFAULTS = ("nemotron-operator", "nemotron-models")
"""The charts that have more than a handful of values."""


def render_chart_files(root: Path) -> dict[PurePosixPath, str]:
    """Render the values of every chart, their schema, README.md and defaults, by their paths below `root`."""
    return dict(file for chart, values in CHARTS.items() for file in _render_files(root, chart, values))


def _render_files(root: Path, chart: str, values: type[ValuesModel]) -> Iterator[tuple[PurePosixPath, str]]:
    folder = PurePosixPath("charts") / chart
    yield folder / "values.yaml", render_values_yaml(values(), _describe_origin(values))
    yield folder / "values.schema.json", render_values_schema(values, chart)
    if chart in _CHARTS_WITH_DEFAULTS:
        yield folder / DEFAULTS, render_values_defaults(values(), _describe_origin(values))
    readme = (root / folder / "README.md").read_text()
    yield folder / "README.md", replace_block(readme, BLOCK, render_values_table(values()))


def _describe_origin(values: type[ValuesModel]) -> str:
    return f"# Generated from {values.__module__.replace('.', '/')}.py by `make generate`. Do not edit."
