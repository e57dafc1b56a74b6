"""The metrics that dashboards and alerts read, in the sources of the vLLM that is pinned.

What was recorded is the vLLM for CPUs, a version behind; `tests/monitoring` holds every query against it.
"""

import re
import sys
from pathlib import Path

import pytest

from generate.alerts.alert_files import render_alert_files
from generate.dashboards.dashboard_files import render_dashboard_files
from generate.files import ROOT
from lab.vllm_env import SOURCES_VERSION, prepare, why_no_vllm

ADDED = re.compile(r"_(total|bucket|count|sum)$")
"""What Prometheus' client adds to the name of a counter or a histogram."""

METRICS = sorted(
    set(re.findall(r"vllm:\w+", " ".join([*render_alert_files(ROOT).values(), *render_dashboard_files().values()])))
)


@pytest.fixture(scope="module")
def loggers() -> str:
    """The source where vLLM names its metrics."""
    if reason := why_no_vllm():
        pytest.skip(f"no vLLM here: {reason}")
    python = prepare(SOURCES_VERSION, lambda text: print(f"  {text}", file=sys.stderr))
    return (Path(python.environment["PYTHONPATH"]) / "vllm" / "v1" / "metrics" / "loggers.py").read_text()


def test_there_are_metrics_to_look_for() -> None:
    assert "vllm:time_to_first_token_seconds_bucket" in METRICS


@pytest.mark.parametrize("metric", METRICS)
def test_the_pinned_vllm_makes_it(loggers: str, metric: str) -> None:
    assert f'name="{ADDED.sub("", metric)}"' in loggers


@pytest.mark.parametrize("label", ["finished_reason", "running_lora_adapters"])
def test_the_pinned_vllm_has_the_label(loggers: str, label: str) -> None:
    assert label in loggers
