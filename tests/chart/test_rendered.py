"""What both Helms make of the chart, for the values that `ci/` of the chart holds."""

import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from nemotron_operator import __version__
from nemotron_operator.__main__ import app
from nemotron_operator.cluster.kinds import (
    APPLIED_KINDS,
    CHILD_KINDS,
    CONTROLLER_REVISION,
    EVENT,
    NEMOTRON,
    NODE,
    STORAGE_CLASS,
    VOLUME,
    ApiKind,
)
from nemotron_operator.cluster.servers import SERVERS
from nemotron_operator.config import load_config
from nemotron_operator.handlers.process import LEASE_NAME, STOP_SECONDS
from tests.support.helm import CHART, CRD_NAME, NAMESPACE, RELEASE, Body, Helm, read_objects

VALUES_FILES = sorted((CHART / "ci").glob("*-values.yaml"))

for_all_values = pytest.mark.parametrize("values_file", VALUES_FILES, ids=lambda path: path.stem)

RESTRICTED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"} | {
    "projected",
    "secret",
}
"""Kinds of volume that the restricted Pod Security Standard allows."""


def objects(helms: dict[str, Helm], *arguments: str, **values: object) -> dict[tuple[str, str], Body]:
    return read_objects(render_once(helms["helm"], arguments, json.dumps(values)))


@cache
def render_once(helm: Helm, arguments: tuple[str, ...], values: str) -> str:
    return helm.render(*arguments, values=json.loads(values))


def with_file(helms: dict[str, Helm], name: str) -> dict[tuple[str, str], Body]:
    return objects(helms, f"--values={CHART / 'ci' / name}-values.yaml")


def pod_spec(rendered: dict[tuple[str, str], Body]) -> Body:
    spec: Body = rendered["Deployment", RELEASE]["spec"]["template"]["spec"]
    return spec


def rules(rendered: dict[tuple[str, str], Body], kind: str) -> list[dict[str, list[str]]]:
    found: list[dict[str, list[str]]] = rendered[kind, RELEASE]["rules"]
    return found


@for_all_values
def test_helm_finds_nothing_to_warn_of(helm: Helm, values_file: Path) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in helm.run("lint", "--strict", str(CHART), f"--values={values_file}")


@for_all_values
def test_helm_3_and_helm_4_render_the_same_objects(helms: dict[str, Helm], values_file: Path) -> None:
    expected = read_objects(helms["helm3"].render(f"--values={values_file}"))
    actual = read_objects(helms["helm"].render(f"--values={values_file}"))
    assert expected == actual


@for_all_values
def test_a_second_rendering_is_the_same_to_the_byte(helm: Helm, values_file: Path) -> None:
    assert helm.render(f"--values={values_file}") == helm.render(f"--values={values_file}")


@for_all_values
def test_every_container_meets_the_restricted_pod_security_standard(helms: dict[str, Helm], values_file: Path) -> None:
    spec = pod_spec(objects(helms, f"--values={values_file}"))
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert {kind for volume in spec["volumes"] for kind in volume.keys() - {"name"}} <= RESTRICTED_VOLUMES
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert not [port for port in container["ports"] if "hostPort" in port]


@for_all_values
def test_the_operator_takes_the_configuration_and_the_arguments_that_are_rendered(
    helms: dict[str, Helm], values_file: Path, tmp_path: Path
) -> None:
    rendered = objects(helms, f"--values={values_file}")
    path = tmp_path / "config.yaml"
    path.write_text(rendered["ConfigMap", RELEASE]["data"]["config.yaml"])
    load_config(path)

    (container,) = pod_spec(rendered)["containers"]
    program, command = container["command"]
    parsed = typer.main.get_command(app).commands[command].make_context(command, list(container["args"]))  # type: ignore[attr-defined]
    assert program == "nemotron-operator"
    assert parsed.params["lease_namespace"] == NAMESPACE
    assert parsed.params["http_port"] == container["ports"][0]["containerPort"]


def test_the_definition_is_the_generated_one_and_is_kept(helms: dict[str, Helm]) -> None:
    (path,) = (CHART.parent.parent / "crds").glob("*.yaml")
    expected = yaml.load(path.read_text(), yaml.CSafeLoader)
    expected["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    assert expected == objects(helms)["CustomResourceDefinition", CRD_NAME]


def test_the_definition_goes_with_the_release_where_that_is_wanted(helms: dict[str, Helm]) -> None:
    definition = objects(helms, crds={"keep": False})["CustomResourceDefinition", CRD_NAME]
    assert "annotations" not in definition["metadata"]


def test_the_definition_can_be_left_out_and_nothing_else_changes(helms: dict[str, Helm]) -> None:
    whole = objects(helms)
    del whole["CustomResourceDefinition", CRD_NAME]
    assert whole == objects(helms, crds={"install": False})


@pytest.mark.parametrize("kind", ["ClusterRole", "Role"])
def test_the_permissions_name_no_secret_and_no_wildcard(helms: dict[str, Helm], kind: str) -> None:
    for rule in rules(objects(helms), kind):
        named = {word for words in rule.values() for word in words}
        assert not [word for word in named if "*" in word]
        assert not named & {"secrets", "configmaps", "pods/exec", "escalate", "bind", "impersonate", "deletecollection"}


def test_the_only_lease_that_is_read_or_changed_is_that_of_the_election(helms: dict[str, Helm]) -> None:
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    by_name = {**leases, "verbs": ["get", "update"], "resourceNames": [LEASE_NAME]}
    expected = [{**leases, "verbs": ["create"]}, by_name]
    assert expected == rules(objects(helms), "Role")


@pytest.mark.parametrize("kind", [NEMOTRON, *CHILD_KINDS], ids=lambda kind: kind.name)
def test_what_the_operator_watches_it_may_watch_and_what_it_makes_it_may_make(
    helms: dict[str, Helm], kind: ApiKind
) -> None:
    wanted = {"get", "list", "watch"} | ({"create", "patch"} if kind in APPLIED_KINDS else set())
    assert wanted <= granted(helms, kind)


def test_what_belongs_to_the_cluster_is_only_read(helms: dict[str, Helm]) -> None:
    read = {kind.name: granted(helms, kind) for kind in (STORAGE_CLASS, NODE, VOLUME)}
    assert read == {"StorageClass": {"list"}, "Node": {"list"}, "PersistentVolume": {"get"}}


def test_what_is_kept_of_the_pods_is_read_and_written_and_nobody_watches_it(helms: dict[str, Helm]) -> None:
    assert granted(helms, CONTROLLER_REVISION) == {"get", "list", "create", "patch", "delete"}


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.name)
def test_what_makes_the_pods_may_be_deleted_where_the_other_kind_takes_its_place(
    helms: dict[str, Helm], kind: ApiKind
) -> None:
    assert granted(helms, kind) == {"get", "list", "watch", "create", "patch", "delete"}


def test_events_are_written_and_not_read(helms: dict[str, Helm]) -> None:
    assert granted(helms, EVENT) == {"create"}


def granted(helms: dict[str, Helm], kind: ApiKind) -> set[str]:
    return {
        verb
        for rule in rules(objects(helms), "ClusterRole")
        if kind.group in rule["apiGroups"] and kind.plural in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_rollout_takes_no_pod_before_its_successor_stands_by(helms: dict[str, Helm], replicas: int) -> None:
    spec = objects(helms, replicaCount=replicas)["Deployment", RELEASE]["spec"]
    assert spec["replicas"] == replicas
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > STOP_SECONDS


def test_several_replicas_spread_over_nodes_and_are_drained_one_by_one(helms: dict[str, Helm]) -> None:
    rendered = with_file(helms, "two-replicas")
    selector = rendered["Deployment", RELEASE]["spec"]["selector"]
    (spread,) = pod_spec(rendered)["topologySpreadConstraints"]
    budget = rendered["PodDisruptionBudget", RELEASE]["spec"]
    assert spread["labelSelector"] == selector
    assert budget["selector"] == selector
    assert budget["maxUnavailable"] == 1


def test_one_replica_holds_up_no_drain(helms: dict[str, Helm]) -> None:
    rendered = objects(helms)
    assert ("PodDisruptionBudget", RELEASE) not in rendered
    assert "topologySpreadConstraints" not in pod_spec(rendered)


def test_a_private_image_is_pulled_by_digest_and_with_its_secrets(helms: dict[str, Helm]) -> None:
    spec = pod_spec(with_file(helms, "private-registry"))
    (container,) = spec["containers"]
    name, _, digest = container["image"].partition("@")
    assert name == "registry.example/platform/nemotron-operator:0.2.0-mirror.1"
    assert digest.startswith("sha256:")
    assert container["imagePullPolicy"] == "Always"
    assert spec["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default", f"nemotron-operator:{__version__}"),
        ("private-registry", "registry.example/platform/nemotron-operator:0.2.0-mirror.1@sha256:"),
        ("configuration", "registry.example/platform/nemotron-downloader:0.2.0"),
    ],
)
def test_the_jobs_run_the_operators_image_unless_another_is_named(
    helms: dict[str, Helm], name: str, expected: str
) -> None:
    config = yaml.safe_load(with_file(helms, name)["ConfigMap", RELEASE]["data"]["config.yaml"])
    assert config["downloaderImage"].startswith(expected)


def test_what_is_said_of_the_place_arrives_in_the_pod(helms: dict[str, Helm]) -> None:
    given: dict[str, Any] = yaml.safe_load((CHART / "ci" / "placement-values.yaml").read_text())
    rendered = with_file(helms, "placement")
    spec = pod_spec(rendered)
    for field in ("nodeSelector", "tolerations", "affinity"):
        assert spec[field] == given[field]
    assert spec["containers"][0]["resources"] == given["resources"]
    assert rendered["Deployment", RELEASE]["spec"]["replicas"] == given["replicaCount"]


def test_only_another_configuration_or_image_makes_new_pods(helms: dict[str, Helm]) -> None:
    def template(**values: object) -> Body:
        found: Body = objects(helms, **values)["Deployment", RELEASE]["spec"]["template"]
        return found

    assert template() == template(crds={"install": False})
    assert template() != template(config={"workers": 4})
    assert template() != template(image={"tag": "0.1.1"})


def test_the_chart_carries_the_version_of_the_operator() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_package_holds_what_is_installed_and_nothing_else(helm: Helm, tmp_path: Path) -> None:
    helm.run("package", str(CHART), "--destination", str(tmp_path))
    with tarfile.open(tmp_path / f"nemotron-operator-{__version__}.tgz") as archive:
        names = {name.removeprefix("nemotron-operator/") for name in archive.getnames()}
    assert {"values.schema.json", "templates/NOTES.txt", f"files/crds/nemotron.dev_{NEMOTRON.plural}.yaml"} <= names
    assert not [name for name in names if name.startswith("ci/") or name.endswith(".md")]
