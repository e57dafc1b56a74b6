"""The chart's whole life on a real API server, with both Helms: install, upgrade, uninstall, install again."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.binaries import find_or_build_helms
from lab.bring_up import bring_up
from lab.control_plane import ControlPlane
from tests.support.cluster import Namespace, wait_until
from tests.support.helm import CHART, CRD_NAME, NAMESPACE, RELEASE, Helm, HelmError, read_notes

DEFINITION = CHART.parent.parent / "crds" / f"nemotron.dev_{CRD_NAME.partition('.')[0]}.yaml"

WITHOUT_PODS = "--set=replicaCount=0"

FINALIZER_SECONDS = 10
"""How long the API server may take to finalize a definition: it takes a second, unless it backs off."""

both_helms = pytest.mark.parametrize("name", ["helm", "helm3"])


@dataclass(frozen=True)
class Cluster:
    """A control plane whose definition and releases are the test's own."""

    plane: ControlPlane
    helms: dict[str, Helm]

    @property
    def namespace(self) -> Namespace:
        """Where the release is."""
        return Namespace(self.plane, NAMESPACE)

    def install(self, name: str, *arguments: str, chart: Path = CHART) -> str:
        """Install the chart with one of the Helms, and wait for the definition to be served."""
        printed = self.helms[name].run("install", RELEASE, str(chart), *arguments)
        self.plane.kubectl("wait", "--for=condition=Established", f"crd/{CRD_NAME}", "--timeout=30s")
        return printed

    def upgrade(self, name: str, *arguments: str) -> None:
        """Upgrade the release with one of the Helms."""
        self.helms[name].run("upgrade", RELEASE, str(CHART), *arguments)

    def uninstall(self, name: str) -> None:
        """Take the release away with one of the Helms."""
        self.helms[name].run("uninstall", RELEASE)

    def definition(self) -> dict[str, Any] | None:
        """Read the live definition; None when there is none."""
        text = self.plane.kubectl("get", "crd", CRD_NAME, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else None

    def clean(self) -> None:
        """Leave nothing behind."""
        if self.helms["helm"].run("list", "--short").strip():
            self.uninstall("helm")
        if self.definition() is None:
            return
        self.plane.kubectl("delete", CRD_NAME, "--all", "--all-namespaces")
        self.plane.kubectl("delete", "crd", CRD_NAME, "--wait=false")
        try:
            wait_until("the definition is gone", lambda: self.definition() is None, FINALIZER_SECONDS)
        except AssertionError:
            # The API server's own finalizer backs off for minutes after a few conflicts. Nothing is left to finalize.
            self.plane.kubectl("patch", "crd", CRD_NAME, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
            wait_until("the definition is gone", lambda: self.definition() is None)


@pytest.fixture(scope="module")
def own_plane() -> Iterator[ControlPlane]:
    """A cluster beside that of the other tests: here the definition goes away, and every resource with it."""
    made = bring_up("test-chart", lambda text: print(f"  {text}", file=sys.stderr), pool=[])
    made.kubectl("create", "namespace", NAMESPACE)
    made.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    yield made
    made.delete()


@pytest.fixture
def cluster(own_plane: ControlPlane) -> Iterator[Cluster]:
    """That cluster without a release and without the definition."""
    programs = find_or_build_helms(print)
    home = own_plane.directory / "helm"
    helms = {name: Helm(program, home, own_plane.kubeconfig) for name, program in programs.items()}
    cluster = Cluster(own_plane, helms)
    yield cluster
    cluster.clean()


@both_helms
def test_pods_that_the_restricted_standard_admits_roll_without_a_replica_missing(cluster: Cluster, name: str) -> None:
    cluster.install(name, "--set=replicaCount=2", "--wait", "--timeout=60s")
    before = pods(cluster)
    assert len(before) == 2

    with watch_available(cluster) as counts:
        cluster.upgrade(name, "--set=replicaCount=2", "--set=config.workers=4")
        wait_until("both pods are new", lambda: len(pods(cluster)) == 2 and not pods(cluster) & before)
    assert min(counts) == 2
    assert "workers: 4" in (cluster.namespace.get("configmap", RELEASE) or {})["data"]["config.yaml"]


@contextmanager
def watch_available(cluster: Cluster) -> Iterator[list[int]]:
    """Collect every number of available replicas that the Deployment reports meanwhile."""
    kubectl = [str(cluster.plane.binaries.kubectl), f"--kubeconfig={cluster.plane.kubeconfig}", "-n", NAMESPACE]
    seen = ("get", "deployment", RELEASE, "--watch", "-o", r"jsonpath={.status.availableReplicas}{'\n'}")
    with subprocess.Popen([*kubectl, *seen], stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        counts = [int(watch.stdout.readline().strip() or 0)]
        yield counts
        watch.terminate()
        counts += [int(line or 0) for line in watch.stdout.read().splitlines()]


def pods(cluster: Cluster) -> set[str]:
    """Name the pods that are ready and stay."""
    return {
        pod["metadata"]["name"]
        for pod in cluster.namespace.list("pods", f"app.kubernetes.io/instance={RELEASE}")
        if "deletionTimestamp" not in pod["metadata"]
        and {"type": "Ready", "status": "True"}.items() <= ready_condition(pod).items()
    }


def ready_condition(pod: dict[str, Any]) -> dict[str, str]:
    conditions = {condition["type"]: condition for condition in pod["status"].get("conditions", [])}
    found: dict[str, str] = conditions.get("Ready", {})
    return found


@both_helms
def test_the_resource_of_the_notes_is_accepted(cluster: Cluster, name: str) -> None:
    notes = read_notes(cluster.install(name, WITHOUT_PODS))
    resource = notes.partition("<<'EOF'\n")[2].partition("\nEOF\n")[0]
    assert "created" in cluster.namespace.kubectl("apply", "-f", "-", input=resource)


@pytest.mark.parametrize(("first", "second"), [("helm", "helm"), ("helm3", "helm3"), ("helm3", "helm")])
def test_resources_outlive_an_old_release_and_the_next_one_renews_the_definition(
    cluster: Cluster, tmp_path: Path, first: str, second: str
) -> None:
    cluster.install(first, WITHOUT_PODS, chart=make_old_chart(tmp_path))
    before = create_resource(cluster)
    assert described(cluster) == "as it was"

    cluster.uninstall(first)
    assert cluster.namespace.get("deployment", RELEASE) is None
    assert cluster.plane.kubectl("get", "clusterrole", RELEASE, "--ignore-not-found") == ""
    assert cluster.namespace.get("nemo", "kept") == before

    cluster.install(second, WITHOUT_PODS)
    assert described(cluster) != "as it was"
    assert cluster.namespace.get("nemo", "kept") == before


def test_helm_4_upgrades_what_helm_3_installed(cluster: Cluster, tmp_path: Path) -> None:
    cluster.install("helm3", WITHOUT_PODS, chart=make_old_chart(tmp_path))
    before = create_resource(cluster)

    cluster.upgrade("helm", WITHOUT_PODS, "--set=config.workers=4")
    assert described(cluster) != "as it was"
    assert "workers: 4" in (cluster.namespace.get("configmap", RELEASE) or {})["data"]["config.yaml"]
    assert cluster.namespace.get("nemo", "kept") == before


def make_old_chart(folder: Path) -> Path:
    """Copy the chart, and let its definition say something else."""
    old = Path(shutil.copytree(CHART, folder / "old"))
    (path,) = (old / "files" / "crds").glob("*.yaml")
    definition = yaml.load(path.read_text(), yaml.CSafeLoader)
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = "as it was"
    path.write_text(yaml.safe_dump(definition))
    return old


def described(cluster: Cluster) -> str:
    definition = cluster.definition() or {}
    text: str = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"]
    return text


def create_resource(cluster: Cluster) -> dict[str, Any] | None:
    resource = {
        "apiVersion": "nemotron.dev/v1alpha1",
        "kind": "NemotronDeployment",
        "metadata": {"name": "kept"},
        "spec": {"model": {"name": "mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC"}},
    }
    cluster.namespace.apply(resource)
    return cluster.namespace.get("nemo", "kept")


@both_helms
def test_turning_the_definition_off_does_not_take_it_away(cluster: Cluster, name: str) -> None:
    cluster.install(name, WITHOUT_PODS)
    before = create_resource(cluster)
    cluster.upgrade(name, WITHOUT_PODS, "--set=crds.install=false")
    assert cluster.namespace.get("nemo", "kept") == before


@both_helms
def test_without_keep_the_definition_goes_with_the_release(cluster: Cluster, name: str) -> None:
    cluster.install(name, WITHOUT_PODS, "--set=crds.keep=false")
    cluster.uninstall(name)
    wait_until("the definition is gone", lambda: cluster.definition() is None)


@both_helms
def test_a_definition_from_kubectl_is_left_alone_where_the_chart_installs_none(cluster: Cluster, name: str) -> None:
    cluster.plane.kubectl("apply", "--server-side", "-f", str(DEFINITION))
    before = cluster.definition()
    cluster.install(name, WITHOUT_PODS, "--set=crds.install=false")
    create_resource(cluster)
    cluster.uninstall(name)
    after = cluster.definition()
    assert before is not None
    assert after is not None
    assert before["spec"] == after["spec"]
    assert "annotations" not in after["metadata"]
    assert cluster.namespace.get("nemo", "kept") is not None


@both_helms
def test_a_definition_from_kubectl_is_taken_over_only_when_helm_is_told_to(cluster: Cluster, name: str) -> None:
    cluster.plane.kubectl("apply", "--server-side", "-f", str(DEFINITION))
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        cluster.install(name, WITHOUT_PODS)
    cluster.install(name, WITHOUT_PODS, "--take-ownership")
    definition = cluster.definition() or {}
    assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
