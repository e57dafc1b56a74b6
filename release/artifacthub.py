"""What Artifact Hub shows of a chart beside its Chart.yaml: lists that the package brings as YAML in annotations."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from generate.files import CHARTS_WITH_CRDS
from nemotron_operator.api.crd import render_crd
from nemotron_operator.yaml_text import dump_yaml
from release.changelog import Section
from release.directories import ROOT
from release.image_reference import ImageReference

EXAMPLES = ("minimal", "model-card", "autoscaling-hpa")
"""Which of `examples/` it offers."""

_PAGES = {
    "Documentation": "README.md",
    "Reference of the resource": "docs/reference/nemotrondeployment.md",
    "How to verify the release": "docs/supply-chain.md",
    "Licences of others in the image": "docs/reference/third-party.md",
}


def render_annotations(
    chart: Mapping[str, Any], changes: Section, images: Mapping[str, ImageReference]
) -> dict[str, str]:
    """Render what follows from the code, the changelog and the images that were just built."""
    version = chart["version"]
    annotations: dict[str, Any] = {
        "changes": list(changes.items),
        "links": [{"name": name, "url": f"{chart['home']}/blob/v{version}/{page}"} for name, page in _PAGES.items()],
        "prerelease": "-" in version,
    }
    if chart["name"] in CHARTS_WITH_CRDS:
        annotations |= {"crds": [_describe_definition()], "crdsExamples": [_read_example(name) for name in EXAMPLES]}
    if chart["name"] == "nemotron-operator":
        annotations["images"] = _describe_images(images)
    return {f"artifacthub.io/{name}": _write(value) for name, value in annotations.items()}


def _describe_images(images: Mapping[str, ImageReference]) -> Sequence[dict[str, Any]]:
    """Only our own is to be scanned there: vLLM's is tens of gigabytes of its makers."""
    return [
        {"name": name, "image": str(image), **({} if name == "operator" else {"whitelisted": True})}
        for name, image in images.items()
    ]


def _describe_definition() -> dict[str, str]:
    crd = render_crd()
    version = crd["spec"]["versions"][0]
    return {
        "kind": crd["spec"]["names"]["kind"],
        "version": version["name"],
        "name": crd["metadata"]["name"],
        "displayName": "Nemotron deployment",
        "description": version["schema"]["openAPIV3Schema"]["description"],
    }


def _read_example(name: str) -> dict[str, Any]:
    bodies = yaml.safe_load_all((ROOT / "examples" / f"{name}.yaml").read_text())
    return next(body for body in bodies if body["kind"] == "NemotronDeployment")


def _write(value: object) -> str:
    """Write a value as Artifact Hub reads it: a list as YAML, yes and no as words."""
    return str(value).lower() if isinstance(value, bool) else dump_yaml(value)
