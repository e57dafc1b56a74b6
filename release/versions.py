"""The version, which stands in several files and must be one."""

import re
import tomllib
from collections.abc import Iterator

import yaml

from images.build import IMAGES
from release.changelog import read_section
from release.directories import CHARTS, ROOT
from release.errors import ReleaseError

_TAG = re.compile(r"v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")


def check_tag(tag: str) -> str:
    """Return the version that a tag names, if every file has it and the changelog tells of it."""
    match = _TAG.fullmatch(tag)
    if match is None:
        raise ReleaseError(f"{tag!r} is no tag of a release: it must look like v0.2.0 or v0.2.0-rc.1.")
    version = match[1]
    others = [f"  {place}: {found}" for place, found in list_versions() if found != version]
    if others:
        raise ReleaseError("\n".join([f"The tag says {version}, but these files do not; change them:", *others]))
    section = read_section((ROOT / "CHANGELOG.md").read_text(), version)
    if not section.is_released:
        raise ReleaseError(f"CHANGELOG.md still calls {version} unreleased: change its heading to `## {version}`.")
    if not section.items:
        raise ReleaseError(f"CHANGELOG.md says nothing about {version}: write what is new for who upgrades.")
    return version


def list_versions() -> Iterator[tuple[str, str]]:
    """List every place of the version with what it says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    yield "pyproject.toml, version", project["version"]
    image = IMAGES["operator"]
    yield f"{image.dockerfile}, VERSION", image.version
    config = yaml.safe_load((ROOT / "operator/nemotron_operator/default_config.yaml").read_text())
    yield "operator/nemotron_operator/default_config.yaml, downloaderImage", config["downloaderImage"].split(":")[-1]
    for file in sorted(CHARTS.glob("*/Chart.yaml")):
        chart = yaml.safe_load(file.read_text())
        for field in ("version", "appVersion"):
            yield f"{file.relative_to(ROOT)}, {field}", chart[field]


def read_version() -> str:
    """Return the version of this checkout."""
    return dict(list_versions())["pyproject.toml, version"]
