"""The monitoring tier: what the chart tells Prometheus and Grafana, held against recordings, without either of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.binaries import find_or_build_helms, find_or_build_promql
from tests.monitoring.prometheus import Prometheus
from tests.support.helm import CHART, Body, Helm, read_objects

Objects = dict[tuple[str, str], Body]


@pytest.fixture(scope="session")
def prometheus() -> Prometheus:
    """Prometheus' own engine."""
    return Prometheus(find_or_build_promql(print))


@pytest.fixture(scope="session")
def helm_4(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The Helm that renders; the tier of the chart holds both together."""
    return Helm(find_or_build_helms(print)["helm"], tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def rendered(helm_4: Helm) -> Objects:
    """What the chart makes where all monitoring is on."""
    return read_objects(helm_4.render(f"--values={CHART / 'ci' / 'monitoring-values.yaml'}"))


@pytest.fixture(scope="session")
def dashboards() -> dict[str, dict[str, Any]]:
    """The dashboards that the chart carries, by their uid."""
    files: list[Path] = sorted((CHART / "files" / "dashboards").glob("*.json"))
    return {file.stem: json.loads(file.read_text()) for file in files}
