"""The bill of materials of the Python packages in the operator's image, from the lock: CycloneDX, without a network."""

import tomllib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from generate.locked_packages import list_locked_packages
from release.directories import ROOT


def render_bill_of_materials(version: str, epoch_seconds: int) -> str:
    """Render it with the same bytes for the same lock, version and time."""
    packages = list_locked_packages()
    components = {package.name: _describe(package.name, package.version, package.licence) for package in packages}
    operator = _describe("nemotron-operator", version, "Apache-2.0", ComponentType.APPLICATION)
    bom = Bom(components=components.values(), serial_number=_derive_serial_number(operator, components.values()))
    bom.metadata.component = operator
    bom.metadata.timestamp = datetime.fromtimestamp(epoch_seconds, UTC)
    bom.register_dependency(operator, _find(components, _list_own_requirements()))
    for package in packages:
        bom.register_dependency(components[package.name], _find(components, package.requirements))
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _describe(name: str, version: str, licence: str, kind: ComponentType = ComponentType.LIBRARY) -> Component:
    url = PackageURL("pypi", name=name, version=version)
    return Component(
        name=name,
        version=version,
        type=kind,
        purl=url,
        # A name of its own, and not a random one.
        bom_ref=url.to_string(),
        licenses=[LicenseFactory().make_from_string(licence)],
    )


def _derive_serial_number(operator: Component, components: Iterable[Component]) -> uuid.UUID:
    names = sorted(str(component.purl) for component in [operator, *components])
    return uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(names))


def _list_own_requirements() -> Iterator[str]:
    """List what the image asks for: the operator's own, and what its Jobs take."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    yield from project["dependencies"]
    yield from project["optional-dependencies"]["downloader"]


def _find(components: Mapping[str, Component], requirements: Iterable[str]) -> list[Component]:
    """Find those that are wanted on the image's platform and without extras; the lock has no others."""
    wanted = [requirement for requirement in map(Requirement, requirements) if _counts(requirement)]
    names = {canonicalize_name(requirement.name) for requirement in wanted}
    return [component for name, component in components.items() if name in names]


def _counts(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})
