"""Panels: what a reader sees, in the few forms that our dashboards have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
"""The data source that the reader chooses."""

PanelBuilder: TypeAlias = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel

GREEN, YELLOW, RED = "green", "yellow", "red"

YES_OR_NO = {"0": ("no", RED), "1": ("yes", GREEN)}
"""Words for what is true or not."""

WIDTH = 24
"""Columns of Grafana's grid."""


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    expr: str

    legend: str = ""
    """How a series is called; in a table, its column."""


@dataclass(frozen=True)
class Panel:
    """One panel."""

    title: str

    queries: tuple[Query, ...]

    kind: Literal["tile", "curves", "states", "table"] = "curves"

    unit: str = "short"
    """A unit of Grafana's: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats."""

    meaning: str = ""
    """What a reader may ask about it."""

    limits: tuple[tuple[float | None, str], ...] = ((None, GREEN),)
    """From which value on which colour; the first has none."""

    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Word and colour that stand for a value; in a table, of the first query."""

    is_stacked: bool = False

    top: float | None = None
    """Upper end of the axis."""

    link: str = ""
    """Where a click on a row leads."""

    units: Mapping[str, str] = field(default_factory=dict)
    """Units of a table's columns that are not plain numbers."""

    width: int = 8
    height: int = 8


@dataclass(frozen=True)
class Section:
    """Panels below one headline, from left to right and from top to bottom."""

    title: str
    panels: tuple[Panel, ...]


def tile(  # noqa: PLR0913 - fields of a panel, by their names
    title: str,
    expr: str,
    *,
    unit: str = "short",
    meaning: str = "",
    limits: tuple[tuple[float | None, str], ...] = ((None, GREEN),),
    words: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> Panel:
    """Make one number in large digits; eight of them fill a line."""
    queries = (Query(expr),)
    return Panel(
        title, queries, kind="tile", unit=unit, meaning=meaning, limits=limits, words=words, width=WIDTH // 8, height=4
    )


def tile_first_token(expr: str) -> Panel:
    """Make the tile of the time to the first token."""
    return tile("First token, p95", expr, unit="s", limits=((None, GREEN), (2, YELLOW), (10, RED)))


def tile_failures(expr: str, meaning: str = "") -> Panel:
    """Make the tile of the share of requests that fail."""
    limits = ((None, GREEN), (0.01, YELLOW), (0.05, RED))
    return tile("Requests that fail", expr, unit="percentunit", meaning=meaning, limits=limits)


def compare_gpus(wanted: str, paid: str, ready: str, meaning: str = "") -> Panel:
    """Draw the GPUs that are wanted, paid and ready."""
    return Panel("GPUs", (Query(wanted, "wanted"), Query(paid, "paid"), Query(ready, "ready")), meaning=meaning)


def build_sections(board: dashboard.Dashboard, sections: Sequence[Section]) -> None:
    """Lay out all panels: a line is full when the next panel does not fit."""
    y, number = 0, 0
    for section in sections:
        number += 1
        board.with_row(dashboard.Row(section.title).id(number).grid_pos(models.GridPos(h=1, w=WIDTH, x=0, y=y)))
        y, x, line_height = y + 1, 0, 0
        for panel in section.panels:
            if x + panel.width > WIDTH:
                y, x, line_height = y + line_height, 0, 0
            number += 1
            place = models.GridPos(h=panel.height, w=panel.width, x=x, y=y)
            board.with_panel(_build_panel(panel).id(number).grid_pos(place))
            x, line_height = x + panel.width, max(line_height, panel.height)
        y += line_height


def _build_panel(panel: Panel) -> PanelBuilder:
    built: PanelBuilder = _BUILDERS[panel.kind](panel)
    built.title(panel.title).datasource(DATASOURCE).unit(panel.unit).no_value("-")
    if panel.meaning:
        built.description(panel.meaning)
    steps = [models.Threshold(value=value, color=colour) for value, colour in panel.limits]
    built.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    if panel.words and panel.kind != "table":
        built.mappings([_map_words(panel)])
    for letter, query in zip("ABCDEFGHIJKL", panel.queries, strict=False):
        built.with_target(_build_target(panel, query, letter))
    return built


def _map_words(panel: Panel) -> models.ValueMap:
    results = {
        value: models.ValueMappingResult(text=word, color=colour, index=index)
        for index, (value, (word, colour)) in enumerate(panel.words.items())
    }
    return models.ValueMap(options=results)


def _build_target(panel: Panel, query: Query, letter: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(letter).datasource(DATASOURCE)
    if panel.kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    target = target.instant() if panel.kind == "tile" else target.range()
    return target.legend_format(query.legend) if query.legend else target


def _build_tile(panel: Panel) -> stat.Panel:
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"])
    colour = common_models.BigValueColorMode
    mode = colour.BACKGROUND_SOLID if len(panel.limits) > 1 else colour.NONE
    return stat.Panel().reduce_options(reduced).color_mode(mode).graph_mode(common_models.BigValueGraphMode.NONE)


def _build_curves(panel: Panel) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
    )
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    built = timeseries.Panel().legend(legend).tooltip(tooltip.sort(common_models.SortOrder.DESCENDING)).min(0)
    built.line_width(1).fill_opacity(30 if panel.is_stacked else 5)
    if panel.is_stacked:
        built.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if panel.top is not None:
        built.max(panel.top)
    return built


def _build_states(_: Panel) -> statetimeline.Panel:
    return statetimeline.Panel().merge_values(merge_values=True).show_value(common_models.VisibilityMode.NEVER)


def _build_table(panel: Panel) -> table.Panel:
    """Build one row for each resource: Grafana merges the answers by their labels."""
    columns = {f"Value #{letter}": query.legend for letter, query in zip("ABCDEFGHIJKL", panel.queries, strict=False)}
    names = {"namespace": "Namespace", "name": "Name", **columns}
    order = {column: index for index, column in enumerate(names)}
    built = table.Panel().with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    built.with_transformation(
        models.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names},
        )
    )
    for name, unit in panel.units.items():
        built.override_by_name(name, [models.DynamicConfigValue(id_val="unit", value=unit)])
    if panel.words:
        coloured = models.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"})
        words = models.DynamicConfigValue(id_val="mappings", value=[_map_words(panel)])
        built.override_by_name(panel.queries[0].legend, [words, coloured])
    if panel.link:
        link = {"title": "This model", "url": panel.link}
        built.override_by_name("Name", [models.DynamicConfigValue(id_val="links", value=[link])])
    return built


_BUILDERS: Mapping[str, Callable[[Panel], PanelBuilder]] = {
    "tile": _build_tile,
    "curves": _build_curves,
    "states": _build_states,
    "table": _build_table,
}
"""How each kind begins."""
