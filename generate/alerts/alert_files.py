"""The files that follow from the alerts: what the chart carries, and the tables of the documentation."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from generate.alerts import engines, models, operator
from generate.alerts.rules import Alert, RuleGroup
from generate.blocks import replace_block
from nemotron_operator.yaml_text import dump_yaml

GROUPS = (models.GROUP, engines.GROUP, operator.GROUP)
"""Every group."""

RULES_FILE = PurePosixPath("charts/nemotron-operator/files/alerts.yaml")
"""What the chart's PrometheusRule is made of."""

PAGE = PurePosixPath("docs/observability.md")
"""The page with the tables."""

ALERT_BLOCK, RECORDING_BLOCK = "alerts", "recordings"
"""Its blocks."""

HEADER = "# Generated from generate/alerts by `make generate`. Do not edit.\n"


def render_alert_files(root: Path) -> Mapping[PurePosixPath, str]:
    """Render the rules and the page, by their paths below `root`."""
    page = replace_block((root / PAGE).read_text(), ALERT_BLOCK, render_alert_table())
    return {
        RULES_FILE: HEADER + dump_yaml({"groups": [_render_group(group) for group in GROUPS]}),
        PAGE: replace_block(page, RECORDING_BLOCK, render_recording_table()),
    }


def list_alerts() -> tuple[Alert, ...]:
    """List the alerts of all groups."""
    return tuple(alert for group in GROUPS for alert in group.alerts)


def render_alert_table() -> str:
    """Render a row for each alert."""
    return "\n".join(["| alert | severity | after | these numbers, because |", "|---|---|---|---|", *_render_rows()])


def render_recording_table() -> str:
    """Render a row for each recording rule."""
    rows = [f"| `{rule.name}` | {rule.meaning} |" for group in GROUPS for rule in group.recordings]
    return "\n".join(["| series | what it says |", "|---|---|", *rows])


def _render_rows() -> Iterator[str]:
    for alert in list_alerts():
        yield f"| [{alert.name}](runbooks/{alert.name}.md) | {alert.severity} | {alert.for_} | {alert.why} |"


def _render_group(group: RuleGroup) -> dict[str, object]:
    return {**group.render(), "reads": group.reads}
