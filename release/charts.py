"""The charts as they are released: images by digest, annotations, and nothing that depends on where or when."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from generate.blocks import replace_block
from generate.charts.chart_files import CHARTS as VALUES_BY_CHART
from generate.charts.chart_files import DEFAULTS
from generate.charts.values import ValuesModel
from generate.charts.values_defaults import render_values_defaults
from generate.charts.values_table import BLOCK, render_values_table
from generate.charts.values_yaml import render_values_yaml
from nemotron_operator.config import load_config
from nemotron_operator.yaml_text import dump_yaml
from release.artifacthub import render_annotations
from release.changelog import Section, read_section
from release.directories import CHARTS, ROOT
from release.errors import ReleaseError
from release.image_reference import ImageReference

_VALUES_HEADER = '# Values of the release: images are named by digest. A tag of yours needs `digest: ""` beside it.'

_HUB = "docker.io/"
"""What an image's name without a registry leaves out."""


@dataclass(frozen=True)
class ReleasedImages:
    """The images that a release names."""

    operator: ImageReference
    engine: ImageReference
    """Of vLLM's makers."""

    def by_name(self) -> Mapping[str, ImageReference]:
        """Name each of them."""
        return {"operator": self.operator, "vllm": self.engine}


def names_image(chart: str) -> bool:
    """Tell whether a chart runs the operator's image."""
    return "image" in VALUES_BY_CHART[chart].model_fields


def copy_charts(images: ReleasedImages, folder: Path, epoch_seconds: int) -> list[Path]:
    """Write every chart as it is released into a folder; the checkout stays as it is."""
    return [copy_chart(chart, images, folder, epoch_seconds) for chart in VALUES_BY_CHART]


def copy_chart(name: str, images: ReleasedImages, folder: Path, epoch_seconds: int) -> Path:
    """Write one chart as it is released."""
    target = folder / name
    shutil.copytree(CHARTS / name, target)
    shutil.copy(ROOT / "LICENSE", target)
    chart = yaml.safe_load((target / "Chart.yaml").read_text())
    changes = read_section((ROOT / "CHANGELOG.md").read_text(), chart["version"])
    (target / "Chart.yaml").write_text(dump_yaml(_annotate(chart, changes, images)))
    if names_image(name):
        _name_images(target, VALUES_BY_CHART[name], images)
    _set_times(target, epoch_seconds)
    return target


def package_chart(helm: Path, chart: Path, output: Path) -> Path:
    """Let Helm make the package: Helm 4 keeps the files' times, and adds nothing of this machine."""
    command = [str(helm), "package", str(chart), "--destination", str(output)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ReleaseError(f"helm package {chart.name}: {answer.stderr.strip()}")
    package = Path(answer.stdout.rpartition(": ")[2].strip())
    # Helm tells the registry when the package was made, and the digest there follows from that too.
    os.utime(package, times=(chart.stat().st_mtime,) * 2)
    return package


def _annotate(chart: dict[str, Any], changes: Section, images: ReleasedImages) -> dict[str, Any]:
    annotations = chart.get("annotations", {}) | render_annotations(chart, changes, images.by_name())
    return chart | {"annotations": annotations}


def name_engine(engine: ImageReference) -> str:
    """Name the engine as the shipped configuration does, with the tag by which its version is told, and by digest."""
    shipped = load_config().engine_image
    repository, _, tag = shipped.rpartition(":")
    released = f"{engine.registry}/{engine.repository}"
    if repository not in {released, released.removeprefix(_HUB)}:
        raise ReleaseError(
            f"The engine's image is {engine}, but the shipped configuration names {shipped}: release the one that the "
            "operator starts, or change engineImage in operator/nemotron_operator/default_config.yaml."
        )
    return f"{repository}:{tag}@{engine.digest}"


def _name_images(chart: Path, model: type[ValuesModel], images: ReleasedImages) -> None:
    image = images.operator
    # Not as the global registry: Helm would put the one of a parent chart in its place, be it empty.
    named = {"defaultRegistry": image.registry, "repository": image.repository, "digest": image.digest}
    config = {"config": {"engineImage": name_engine(images.engine)}} if "config" in model.model_fields else {}
    values = model.model_validate({"image": named, **config})
    (chart / "values.yaml").write_text(render_values_yaml(values, _VALUES_HEADER))
    (chart / DEFAULTS).write_text(render_values_defaults(values, _VALUES_HEADER))
    readme = chart / "README.md"
    readme.write_text(replace_block(readme.read_text(), BLOCK, render_values_table(values)))


def _set_times(chart: Path, epoch_seconds: int) -> None:
    for path in [*chart.rglob("*"), chart]:
        os.utime(path, (epoch_seconds, epoch_seconds))
