"""The operator with Roles in its namespaces and nothing of the cluster's: one of them is missing, comes, and goes."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.control_plane import ControlPlane
from lab.operator_process import NAMESPACE, Account, make_operator, start_operator, write_operator_kubeconfig
from lab.recorded_permissions import read_refused_permissions
from nemotron_operator.cluster.kinds import NEMOTRON, NODE, STORAGE_CLASS
from nemotron_operator.cluster.platform import WITHOUT_NODES, WITHOUT_STORAGE_CLASSES
from nemotron_operator.constants import DEPLOYMENT_LABEL
from tests.support.cluster import Namespace, RunningOperator, a_resource, wait_until
from tests.support.granted_permissions import TEAMS, TEAMS_VALUES
from tests.support.helm import CHART, Helm

INSTALLER = Account("default", "installer")
"""Somebody who has no right beyond the namespaces."""

LEFT_OUT = "Namespace 'blue': It is not served until it is there with the Role of the chart"

MADE = "pods,jobs,services,persistentvolumeclaims,serviceaccounts"
"""Kinds of which something is made at once."""

EXPECTED_REFUSALS = {(NEMOTRON.plural, "list"), (NODE.plural, "list"), (STORAGE_CLASS.plural, "list")}
"""The only requests that are refused: whether the missing namespace is there, and what no Role can grant."""

NOTICED_SECONDS = 60.0
"""Namespaces that come or go are noticed at the next look, which comes every 15 s."""


@dataclass
class Teams:
    """Two namespaces that the operator serves, one that it does not, and a release by somebody without the cluster."""

    plane: ControlPlane
    helm: Helm
    red: Namespace = field(init=False)
    blue: Namespace = field(init=False)
    other: Namespace = field(init=False)

    def __post_init__(self) -> None:
        """Make the namespaces."""
        self.red, self.blue, self.other = (self.make_namespace(name) for name in ("red", "blue", "other"))

    def make_namespace(self, name: str) -> Namespace:
        """Make one that enforces the restricted standard, and in which the installer may do anything."""
        self.plane.kubectl("create", "namespace", name)
        self.plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        allow_installer(self.plane, name)
        return Namespace(self.plane, name)

    def install(self) -> None:
        """Install the release, as somebody who has rights in these namespaces only."""
        self.helm.run("upgrade", "--install", TEAMS, str(CHART), values=TEAMS_VALUES)

    def options(self) -> list[str]:
        """Give the arguments of the release's operator by which it serves these namespaces, and elects its leader."""
        deployment = json.loads(self.plane.kubectl("-n", NAMESPACE, "get", "deployment", TEAMS, "-o", "json"))
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        return [word for word in container["args"] if word.startswith(("--namespace=", "--lease-"))]


@pytest.fixture
def teams(plane: ControlPlane) -> Iterator[Teams]:
    plane.kubectl("-n", INSTALLER.namespace, "create", "serviceaccount", INSTALLER.name)
    allow_installer(plane, NAMESPACE)
    kubeconfig = write_operator_kubeconfig(plane, account=INSTALLER)
    made = Teams(plane, Helm(plane.binaries.helm, plane.directory / "helm-teams", kubeconfig, NAMESPACE))
    made.install()
    yield made
    plane.kubectl("delete", "namespace", "red", "blue", "other", "--ignore-not-found", "--wait=false")


def allow_installer(plane: ControlPlane, namespace: str) -> None:
    """Let the installer do anything in a namespace, and nothing of the cluster's."""
    account = f"--serviceaccount={INSTALLER.namespace}:{INSTALLER.name}"
    plane.kubectl("-n", namespace, "create", "rolebinding", INSTALLER.name, "--clusterrole=cluster-admin", account)


@pytest.fixture
def operator(teams: Teams, tmp_path: Path) -> Iterator[RunningOperator]:
    """Its operator, which is not started."""
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"resyncSeconds": 10}))
    options = [f"--config={config}", *teams.options()]
    component = make_operator(teams.plane, TEAMS, options, Account(NAMESPACE, TEAMS))
    yield RunningOperator(component, 0)
    component.stop(signal.SIGKILL)
    print(component.log.read_text())


def test_each_namespace_is_served_while_it_is_there_and_nothing_beyond_them_is_touched(
    teams: Teams, operator: RunningOperator
) -> None:
    teams.plane.kubectl("delete", "namespace", "blue")
    operator.port = start_operator(operator.component)
    for namespace in (teams.red, teams.other):
        namespace.apply(a_resource())
    teams.red.wait_until_ready()
    operator.wait_until_synced()
    # What cannot be known is told once, and a rollout goes on without it.
    teams.red.patch("nemo", "nemotron", {"spec": {"engine": {"maxNumSeqs": 32}}})
    teams.red.wait_until_ready()
    said = operator.component.log.read_text()
    assert [1, 1, 1] == [said.count(words) for words in (WITHOUT_NODES, WITHOUT_STORAGE_CLASSES, LEFT_OUT)]

    teams.make_namespace("blue")
    teams.install()
    teams.blue.apply(a_resource())
    teams.blue.wait_until_ready(seconds=NOTICED_SECONDS)
    refused = read_refused_permissions(teams.plane.directory, TEAMS)
    assert EXPECTED_REFUSALS == {(each.resource, each.verb) for each in refused}

    teams.plane.kubectl("delete", "namespace", "blue")
    wait_until("it is left out", lambda: operator.component.log.read_text().count(LEFT_OUT) == 2, NOTICED_SECONDS)
    teams.red.kubectl("delete", "service", "nemotron")
    wait_until("the service is back", lambda: teams.red.get("service", "nemotron"))
    operator.wait_until_synced()

    untouched = teams.other.get("nemo", "nemotron") or {}
    assert ({"observedGeneration": -1}, []) == (untouched["status"], teams.other.list(MADE, DEPLOYMENT_LABEL))
