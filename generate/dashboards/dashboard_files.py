"""The dashboards as the chart carries them."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from generate.dashboards import fleet, model
from generate.dashboards.panels import DATASOURCE, Section, build_sections

FOLDER = PurePosixPath("charts/nemotron-operator/files/dashboards")
"""Where the chart's templates find them."""

TAG = "nemotron"
"""By which each dashboard leads to the others."""


def render_dashboard_files() -> Mapping[PurePosixPath, str]:
    """Render every dashboard by its path in the repository."""
    namespaces = f"label_values({_RESOURCES}, namespace)"
    names = f'label_values({_RESOURCES}{{namespace="$namespace"}}, name)'
    boards = {
        fleet.UID: _build(fleet.UID, fleet.TITLE, fleet.SECTIONS, [_choose_several("namespace", namespaces)]),
        model.UID: _build(
            model.UID, model.TITLE, model.SECTIONS, [_choose("namespace", namespaces), _choose("name", names)]
        ),
    }
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {FOLDER / f"{uid}.json": encoder.encode(board.build()) + "\n" for uid, board in boards.items()}


_RESOURCES = "nemotron_operator_resource_info"


def _build(
    uid: str, title: str, sections: Sequence[Section], variables: Sequence[dashboard.QueryVariable]
) -> dashboard.Dashboard:
    board = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags([TAG])
        .timezone("browser")
        .time("now-3h", "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Nemotron")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(as_dropdown=False)
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for variable in variables:
        board.with_variable(variable)
    build_sections(board, sections)
    return board


def _choose(name: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(DATASOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _choose_several(name: str, query: str) -> dashboard.QueryVariable:
    everything = models.VariableOption(text="All", value="$__all")
    return _choose(name, query).multi(multi=True).include_all(include_all=True).all_value(".*").current(everything)
