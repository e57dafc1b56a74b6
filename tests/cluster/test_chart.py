"""The chart's whole life on a real API server, with both Helms: install, upgrade, uninstall, install again."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.binaries import find_or_build_helms
from lab.bring_up import bring_up
from lab.control_plane import ControlPlane
from lab.removed_definitions import wait_until_gone
from tests.support.chart_cluster import NEWER_FIELD, ChartCluster, make_older_chart, make_older_copy
from tests.support.cluster import Namespace, wait_until
from tests.support.gpu_pool import GpuPool
from tests.support.helm import CHART, CRD_NAME, NAMESPACE, RELEASE, Helm, HelmError, read_notes

DEFINITION = CHART.parent.parent / "crds" / f"nemotron.dev_{CRD_NAME.partition('.')[0]}.yaml"

CRDS_CHART = CHART.with_name("nemotron-operator-crds")

WITHOUT_PODS = "--set=replicaCount=0"

both_helms = pytest.mark.parametrize("name", ["helm", "helm3"])


@pytest.fixture(scope="module")
def own_plane() -> Iterator[ControlPlane]:
    """A cluster beside that of the other tests: here the definition goes away, and every resource with it."""
    made = bring_up("test-chart", lambda text: print(f"  {text}", file=sys.stderr), pool=[])
    made.kubectl("create", "namespace", NAMESPACE)
    made.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    yield made
    made.delete()


@pytest.fixture
def cluster(own_plane: ControlPlane) -> Iterator[ChartCluster]:
    """That cluster without a release and without the definition."""
    programs = find_or_build_helms(print)
    home = own_plane.directory / "helm"
    helms = {name: Helm(program, home, own_plane.kubeconfig) for name, program in programs.items()}
    cluster = ChartCluster(own_plane, helms)
    yield cluster
    cluster.clean()


@both_helms
def test_pods_that_the_restricted_standard_admits_roll_without_a_replica_missing(
    cluster: ChartCluster, name: str
) -> None:
    cluster.install(name, "--set=replicaCount=2", "--wait", "--timeout=60s")
    before = pods(cluster)
    assert len(before) == 2

    with watch_available(cluster) as counts:
        cluster.upgrade(name, "--set=replicaCount=2", "--set=config.workers=4")
        wait_until("both pods are new", lambda: len(pods(cluster)) == 2 and not pods(cluster) & before)
    assert min(counts) == 2
    assert "workers: 4" in (cluster.namespace.get("configmap", RELEASE) or {})["data"]["config.yaml"]


@contextmanager
def watch_available(cluster: ChartCluster) -> Iterator[list[int]]:
    """Collect every number of available replicas that the Deployment reports meanwhile."""
    kubectl = [str(cluster.plane.binaries.kubectl), f"--kubeconfig={cluster.plane.kubeconfig}", "-n", NAMESPACE]
    seen = ("get", "deployment", RELEASE, "--watch", "-o", r"jsonpath={.status.availableReplicas}{'\n'}")
    with subprocess.Popen([*kubectl, *seen], stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        counts = [int(watch.stdout.readline().strip() or 0)]
        yield counts
        watch.terminate()
        counts += [int(line or 0) for line in watch.stdout.read().splitlines()]


def pods(cluster: ChartCluster) -> set[str]:
    """Name the pods that are ready and stay."""
    return {
        pod["metadata"]["name"]
        for pod in cluster.namespace.list_staying_pods(f"app.kubernetes.io/instance={RELEASE}")
        if {"type": "Ready", "status": "True"}.items() <= ready_condition(pod).items()
    }


def ready_condition(pod: dict[str, Any]) -> dict[str, str]:
    conditions = {condition["type"]: condition for condition in pod["status"].get("conditions", [])}
    found: dict[str, str] = conditions.get("Ready", {})
    return found


@both_helms
def test_the_resource_of_the_notes_is_accepted(cluster: ChartCluster, name: str) -> None:
    notes = read_notes(cluster.install(name, WITHOUT_PODS))
    resource = notes.partition("<<'EOF'\n")[2].partition("\nEOF\n")[0]
    assert "created" in cluster.namespace.kubectl("apply", "-f", "-", input=resource)


@pytest.mark.parametrize(("first", "second"), [("helm", "helm"), ("helm3", "helm3"), ("helm3", "helm")])
def test_resources_outlive_an_old_release_and_the_next_one_renews_the_definition(
    cluster: ChartCluster, tmp_path: Path, first: str, second: str
) -> None:
    cluster.install(first, WITHOUT_PODS, chart=make_older_copy(tmp_path))
    before = create_resource(cluster)
    assert not cluster.knows_newer_field()

    cluster.uninstall(first)
    assert cluster.namespace.get("deployment", RELEASE) is None
    assert cluster.plane.kubectl("get", "clusterrole", RELEASE, "--ignore-not-found") == ""
    assert cluster.namespace.get("nemo", "kept") == before

    cluster.install(second, WITHOUT_PODS)
    assert cluster.knows_newer_field()
    assert cluster.namespace.get("nemo", "kept") == before


@pytest.mark.parametrize(("first", "upgraders"), [("helm3", ["helm3", "helm"]), ("helm", ["helm"])])
def test_upgrades_from_the_last_release_and_back_restart_nothing_and_uninstalling_stops_nothing(
    cluster: ChartCluster, tmp_path: Path, first: str, upgraders: list[str]
) -> None:
    part, field = NEWER_FIELD
    cluster.install(first, WITHOUT_PODS, chart=make_older_chart(tmp_path))
    with a_served_model(cluster, f"served-{first}") as namespace:
        before = describe_served(namespace)
        assert not cluster.knows_newer_field()
        for upgrader in upgraders:
            cluster.upgrade(upgrader, WITHOUT_PODS)
            assert cluster.knows_newer_field()
            # As Helm replaces its pod: a new process looks at everything anew, with the permissions that it has now.
            with cluster.operator():
                namespace.patch("nemo", "nemotron", {"spec": {part: {field: "3"}}})
                namespace.wait_until_ready()
                assert before == describe_served(namespace)

                cluster.roll_back(upgrader)
                assert not cluster.knows_newer_field()
                namespace.patch("nemo", "nemotron", {"spec": {"rollout": {"strategy": "Replace"}}})
                namespace.wait_until_ready()
                assert before == describe_served(namespace)
            namespace.patch("nemo", "nemotron", {"spec": {"rollout": None}})

        cluster.uninstall(upgraders[-1])
        assert cluster.namespace.get("deployment", RELEASE) is None
        assert cluster.definition() is not None
        assert before == describe_served(namespace)


@contextmanager
def a_served_model(cluster: ChartCluster, name: str) -> Iterator[Namespace]:
    """Serve a model on simulated GPUs by an operator with the permissions of the release; the operator ends first."""
    namespace = Namespace(cluster.plane, name)
    pool = GpuPool(cluster.plane, f"pool-{name}")
    pool.add_node()
    cluster.plane.kubectl("create", "namespace", name)
    cluster.plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    with cluster.operator():
        namespace.apply(pool.a_resource(parallelism={"tensor": 2}))
        namespace.wait_until_ready()
    yield namespace
    cluster.plane.kubectl("delete", "namespace", name, "--wait=false")


def describe_served(namespace: Namespace) -> dict[str, Any]:
    """Tell which objects there are, and of the pods, how often anything in them was started again."""
    kinds = "nemo,deployment,replicaset,service,pvc,pod"
    objects = {f"{each['kind']}/{each['metadata']['name']}": each for each in namespace.list(kinds)}
    assert {"NemotronDeployment", "Deployment", "Pod", "PersistentVolumeClaim"} <= {
        name.partition("/")[0] for name in objects
    }
    return {name: (each["metadata"]["uid"], count_restarts(each)) for name, each in objects.items()}


def count_restarts(body: dict[str, Any]) -> int:
    statuses = ("containerStatuses", "initContainerStatuses")
    return sum(each["restartCount"] for kind in statuses for each in body.get("status", {}).get(kind, []))


def create_resource(cluster: ChartCluster) -> dict[str, Any] | None:
    resource = {
        "apiVersion": "nemotron.dev/v1alpha1",
        "kind": "NemotronDeployment",
        "metadata": {"name": "kept"},
        "spec": {"model": {"name": "mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC"}},
    }
    cluster.namespace.apply(resource)
    return cluster.namespace.get("nemo", "kept")


@both_helms
def test_turning_the_definition_off_does_not_take_it_away(cluster: ChartCluster, name: str) -> None:
    cluster.install(name, WITHOUT_PODS)
    before = create_resource(cluster)
    cluster.upgrade(name, WITHOUT_PODS, "--set=crds.install=false")
    assert cluster.namespace.get("nemo", "kept") == before


@both_helms
def test_without_keep_the_definition_goes_with_the_release(cluster: ChartCluster, name: str) -> None:
    cluster.install(name, WITHOUT_PODS, "--set=crds.keep=false")
    cluster.uninstall(name)
    wait_until_gone(cluster.plane, [f"crd/{CRD_NAME}"])


@both_helms
def test_a_definition_from_kubectl_is_left_alone_where_the_chart_installs_none(
    cluster: ChartCluster, name: str
) -> None:
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
def test_a_definition_from_kubectl_is_taken_over_only_when_helm_is_told_to(cluster: ChartCluster, name: str) -> None:
    cluster.plane.kubectl("apply", "--server-side", "-f", str(DEFINITION))
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        cluster.install(name, WITHOUT_PODS)
    cluster.install(name, WITHOUT_PODS, "--take-ownership")
    definition = cluster.definition() or {}
    assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@both_helms
def test_the_definition_moves_to_a_chart_of_its_own_and_no_resource_notices(cluster: ChartCluster, name: str) -> None:
    cluster.install(name, WITHOUT_PODS)
    before = create_resource(cluster)

    cluster.upgrade(name, WITHOUT_PODS, "--set=crds.install=false")
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        cluster.install(name, chart=CRDS_CHART, release="crds")
    cluster.install(name, "--take-ownership", chart=CRDS_CHART, release="crds")
    cluster.upgrade(name, WITHOUT_PODS, "--set=crds.install=false")
    assert "crds" == owner_of_definition(cluster)

    cluster.uninstall(name)
    cluster.uninstall(name, "crds")
    assert "crds" == owner_of_definition(cluster)
    assert before == cluster.namespace.get("nemo", "kept")


def owner_of_definition(cluster: ChartCluster) -> str:
    owner: str = (cluster.definition() or {})["metadata"]["annotations"]["meta.helm.sh/release-name"]
    return owner
