"""Everything that this project brings to a cluster, by where it comes from: charts, made of models, examples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.helm import Helm

Body = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]

CHARTS = ("nemotron-operator", "nemotron-operator-crds", "nemotron-models")


def render_all(helm: Helm) -> dict[str, list[Body]]:
    """Render it all: each origin is what somebody would apply at once."""
    return {origin: bodies for origin, bodies in _render_each(helm) if bodies}


def _render_each(helm: Helm) -> Iterator[tuple[str, list[Body]]]:
    for chart in CHARTS:
        folder = ROOT / "charts" / chart
        given = sorted(folder.glob("ci/*-values.yaml"))
        for values in given:
            text = helm.render(f"--values={values}", chart=folder)
            yield f"{chart}:{values.name.removesuffix('-values.yaml')}", _read(text)
        if not given and (folder / "Chart.yaml").exists():
            yield f"{chart}:default", _read(helm.render(chart=folder))
    for manifests in sorted((ROOT / "tests" / "golden").glob("*/manifests.yaml")):
        yield f"operator:{manifests.parent.name}", _read(manifests.read_text())
    examples = ROOT / "examples"
    for example in sorted([*examples.glob("*.yaml"), *(examples / "gitops" / "manifests").glob("*.yaml")]):
        yield f"examples:{example.stem}", _read(example.read_text())


def _read(text: str) -> list[Body]:
    bodies: list[Body] = [body for body in yaml.load_all(text, yaml.CSafeLoader) if body is not None]
    return bodies
