"""Which files are generated, and from what."""

from pathlib import Path, PurePosixPath

from generate import cache_reasons, failure_reasons, licences
from generate.alerts.alert_files import render_alert_files
from generate.blocks import replace_block
from generate.charts.chart_files import render_chart_files
from generate.charts.models.files import render_models, render_rules
from generate.configuration import render_configuration
from generate.dashboards.dashboard_files import render_dashboard_files
from generate.fit_matrix import BLOCK, render_fit_matrix, render_representatives
from generate.metrics_reference import render_metrics
from generate.reference import render_reference
from generate.third_party import render_third_party
from nemotron_operator.api.crd import render_crd
from nemotron_operator.constants import API_GROUP, PLURAL
from nemotron_operator.yaml_text import dump_yaml

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""

CRD_FILE = f"{API_GROUP}_{PLURAL}.yaml"
"""File name of the definition, as controller-gen would name it."""

CHARTS_WITH_CRDS = ("nemotron-operator", "nemotron-operator-crds")
"""The charts that install the definition."""

HEADER = "# Generated from operator/nemotron_operator/api by `make generate`. Do not edit.\n"
"""First line of a generated YAML file."""


def render_files() -> dict[PurePosixPath, str]:
    """Render every generated file by its path in the repository; of pages that people write, one block is."""
    crd = render_crd()
    crd_text = HEADER + dump_yaml(crd)
    return {
        PurePosixPath("crds") / CRD_FILE: crd_text,
        **{PurePosixPath(f"charts/{chart}/files/crds") / CRD_FILE: crd_text for chart in CHARTS_WITH_CRDS},
        **render_chart_files(ROOT),
        **render_alert_files(ROOT),
        **render_dashboard_files(),
        PurePosixPath("charts/nemotron-models/files/models.yaml"): render_models(),
        PurePosixPath("charts/nemotron-models/files/rules.yaml"): render_rules(),
        PurePosixPath("docs/reference/nemotrondeployment.md"): render_reference(crd),
        PurePosixPath("docs/reference/fit-matrix.md"): render_fit_matrix(),
        PurePosixPath("docs/reference/configuration.md"): render_configuration(),
        PurePosixPath("docs/reference/metrics.md"): render_metrics(),
        PurePosixPath("docs/reference/third-party.md"): render_third_party(),
        PurePosixPath("docs/model-cache.md"): replace_block(
            (ROOT / "docs/model-cache.md").read_text(), cache_reasons.BLOCK, cache_reasons.render_reasons()
        ),
        PurePosixPath("docs/licences.md"): _render_licences(),
        PurePosixPath("docs/troubleshooting.md"): _render_troubleshooting(),
        PurePosixPath("README.md"): replace_block((ROOT / "README.md").read_text(), BLOCK, render_representatives()),
    }


def _render_licences() -> str:
    text = (ROOT / "docs/licences.md").read_text()
    text = replace_block(text, licences.MODELS_BLOCK, licences.render_models())
    return replace_block(text, licences.LICENCES_BLOCK, licences.render_licences())


def _render_troubleshooting() -> str:
    text = (ROOT / "docs/troubleshooting.md").read_text()
    text = replace_block(text, failure_reasons.POD_BLOCK, failure_reasons.render_pod_reasons())
    text = replace_block(text, failure_reasons.ENGINE_BLOCK, failure_reasons.render_engine_reasons())
    return replace_block(text, failure_reasons.REASON_BLOCK, failure_reasons.render_all_reasons())
