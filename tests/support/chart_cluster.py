"""A cluster in which the chart's tests install, upgrade and uninstall, with the operator of its release beside it."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.control_plane import ControlPlane
from lab.operator_process import Account, make_operator, start_operator
from lab.removed_definitions import delete_definitions
from lab.served_definitions import wait_until_served
from tests.support.cluster import OPERATOR_CONFIG, Namespace, RunningOperator
from tests.support.helm import CHART, CRD_NAME, NAMESPACE, RELEASE, Helm

LAST_RELEASE = Path(__file__).resolve().parent.parent / "releases" / "nemotron-operator-0.1.0.tgz"
"""The chart that upgrades start from."""

NEWER_FIELD = ("verification", "expect")
"""A field of the spec that the definition of an older chart does not have. No pod shows it."""


@dataclass(frozen=True)
class ChartCluster:
    """A control plane whose definition and releases are the test's own."""

    plane: ControlPlane
    helms: dict[str, Helm]

    @property
    def namespace(self) -> Namespace:
        """Where the release is."""
        return Namespace(self.plane, NAMESPACE)

    def install(self, name: str, *arguments: str, chart: Path = CHART, release: str = RELEASE) -> str:
        """Install a chart with one of the Helms, and wait for the definition to be served."""
        printed = self.helms[name].run("install", release, str(chart), *arguments)
        wait_until_served(self.plane, [f"crd/{CRD_NAME}"])
        return printed

    def upgrade(self, name: str, *arguments: str) -> None:
        """Upgrade the release with one of the Helms."""
        self.helms[name].run("upgrade", RELEASE, str(CHART), *arguments)

    def roll_back(self, name: str) -> None:
        """Take the release back to what was before, with one of the Helms."""
        self.helms[name].run("rollback", RELEASE)

    def uninstall(self, name: str, release: str = RELEASE) -> None:
        """Take a release away with one of the Helms."""
        self.helms[name].run("uninstall", release)

    def definition(self) -> dict[str, Any] | None:
        """Read the live definition; None when there is none."""
        text = self.plane.kubectl("get", "crd", CRD_NAME, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else None

    def knows_newer_field(self) -> bool:
        """Tell whether the live definition is that of this checkout, and not an older one."""
        part, field = NEWER_FIELD
        return field in spec_fields(self.definition() or {}, part)

    @contextmanager
    def operator(self) -> Iterator[None]:
        """Run the operator beside the cluster with the permissions that the release gives it just now."""
        options = (f"--config={OPERATOR_CONFIG}", f"--lease-namespace={NAMESPACE}")
        component = make_operator(self.plane, "nemotron-operator-chart", options, Account(NAMESPACE, RELEASE))
        operator = RunningOperator(component, start_operator(component))
        try:
            operator.wait_until_synced()
            yield
        finally:
            component.stop()

    def clean(self) -> None:
        """Leave nothing behind."""
        for release in self.helms["helm"].run("list", "--short").split():
            self.uninstall("helm", release)
        delete_definitions(self.plane, [f"crd/{CRD_NAME}"])


def spec_fields(definition: dict[str, Any], part: str) -> dict[str, Any]:
    """Give the fields of a part of the spec that a definition knows."""
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields: dict[str, Any] = schema["properties"]["spec"]["properties"][part]["properties"]
    return fields


def make_older_chart(folder: Path) -> Path:
    """Unpack the chart of the last release, and take a field out of its definition, as if a release had added it."""
    with tarfile.open(LAST_RELEASE) as archive:
        archive.extractall(folder, filter="data")
    return _make_definition_older(folder / "nemotron-operator")


def make_older_copy(folder: Path) -> Path:
    """Copy the chart of this checkout, and do the same."""
    return _make_definition_older(Path(shutil.copytree(CHART, folder / "older")))


def _make_definition_older(chart: Path) -> Path:
    (path,) = (chart / "files" / "crds").glob("*.yaml")
    definition = yaml.load(path.read_text(), yaml.CSafeLoader)
    part, field = NEWER_FIELD
    del spec_fields(definition, part)[field]
    path.write_text(yaml.safe_dump(definition))
    return chart
