"""What both Helms make of the chart, for the values that `ci/` of the chart holds."""

import ast
import json
import re
import tarfile
from dataclasses import replace
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
from nemotron_operator.constants import COMPONENT_LABEL, LEASE_NAME
from nemotron_operator.handlers.process import STOP_SECONDS
from nemotron_operator.render.jobs import PROGRESS_PORT
from nemotron_operator.render.metadata import ADAPTER_COMPONENT, CACHE_COMPONENT
from tests.support.helm import CHART, CRD_NAME, NAMESPACE, RELEASE, Body, Helm, HelmError, read_objects

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


def only(rendered: dict[tuple[str, str], Body], kind: str) -> Body:
    """Find the only object of a kind, whatever its name."""
    (found,) = (body for (each, _), body in rendered.items() if each == kind)
    return found


def pod_spec(rendered: dict[tuple[str, str], Body]) -> Body:
    spec: Body = only(rendered, "Deployment")["spec"]["template"]["spec"]
    return spec


def container(rendered: dict[tuple[str, str], Body]) -> Body:
    (found,) = pod_spec(rendered)["containers"]
    return dict(found)


def read_config(rendered: dict[tuple[str, str], Body]) -> Body:
    """Read the operator's configuration, which not every set of values leaves the only ConfigMap."""
    (text,) = (
        body["data"]["config.yaml"]
        for (kind, _), body in rendered.items()
        if kind == "ConfigMap" and "config.yaml" in body["data"]
    )
    config: Body = yaml.safe_load(text)
    return config


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


@pytest.mark.parametrize("chart", ["nemotron-operator", "nemotron-operator-crds"])
def test_no_template_asks_a_cluster_a_clock_or_chance(chart: str) -> None:
    asking = r"\b(lookup|now|date|rand\w+|uuidv4|gen[A-Z]\w+|derivePassword|bcrypt|htpasswd|getHostByName)\b"
    actions = {
        path.name: re.findall(r"{{.*?}}", path.read_text(), re.DOTALL)
        for path in (CHART.parent / chart / "templates").rglob("*")
        if path.is_file()
    }
    assert {"NOTES.txt", "crds.yaml"} <= actions.keys()
    found = {
        name: action for name, each in actions.items() for action in each if re.search(asking, strip_texts(action))
    }
    assert {} == found


def strip_texts(action: str) -> str:
    """Leave out comments and quoted words, which are for people."""
    return re.sub(r"/\*.*?\*/|\"[^\"]*\"", "", action, flags=re.DOTALL)


@for_all_values
def test_every_container_meets_the_restricted_pod_security_standard(helms: dict[str, Helm], values_file: Path) -> None:
    rendered = objects(helms, f"--values={values_file}")
    tests = [body["spec"] for (kind, _), body in rendered.items() if kind == "Pod"]
    for spec in [pod_spec(rendered), *tests]:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        volumes = spec.get("volumes", [])
        assert {kind for volume in volumes for kind in volume.keys() - {"name"}} <= RESTRICTED_VOLUMES
        for each in [*spec["containers"], *spec.get("initContainers", [])]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert not [port for port in each.get("ports", []) if "hostPort" in port]


@for_all_values
def test_the_operator_takes_the_configuration_and_the_arguments_that_are_rendered(
    helms: dict[str, Helm], values_file: Path, tmp_path: Path
) -> None:
    rendered = objects(helms, f"--values={values_file}")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(read_config(rendered)))
    load_config(path)

    operator = container(rendered)
    program, command = operator["command"]
    parsed = typer.main.get_command(app).commands[command].make_context(command, list(operator["args"]))  # type: ignore[attr-defined]
    assert program == "nemotron-operator"
    assert parsed.params["lease_namespace"] == NAMESPACE
    assert parsed.params["http_port"] == operator["ports"][0]["containerPort"]


def test_the_operator_serves_the_namespaces_that_are_named(helms: dict[str, Helm]) -> None:
    named = [word for word in container(with_file(helms, "namespaced"))["args"] if word.startswith("--namespace")]
    assert ["--namespace=team-a", "--namespace=team-b"] == named
    assert not [word for word in container(objects(helms))["args"] if word.startswith("--namespace")]


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
    wanted = {"list", "watch"} | ({"get", "create", "patch"} if kind in APPLIED_KINDS else set())
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
    rendered = with_file(helms, "high-availability")
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


def test_a_mirrored_image_is_pulled_by_digest_and_with_its_secrets(helms: dict[str, Helm]) -> None:
    rendered = with_file(helms, "air-gap")
    name, _, digest = container(rendered)["image"].partition("@")
    assert name == "registry.example.com/platform/nemotron-operator:0.2.0-mirror.1"
    assert digest.startswith("sha256:")
    assert container(rendered)["imagePullPolicy"] == "Always"
    assert pod_spec(rendered)["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "nemotron-operator"),
        ({"image": {"registry": "registry.example/"}}, "registry.example/nemotron-operator"),
        ({"global": {"imageRegistry": "registry.example"}}, "registry.example/nemotron-operator"),
        (
            {"global": {"imageRegistry": "registry.example"}, "image": {"registry": "localhost:5000/mine"}},
            "localhost:5000/mine/nemotron-operator",
        ),
        (
            {"global": {"imageRegistry": "registry.example"}, "image": {"repository": "ghcr.io/owner/operator"}},
            "ghcr.io/owner/operator",
        ),
        (
            {"global": {"imageRegistry": "registry.example"}, "image": {"repository": "owner/operator"}},
            "registry.example/owner/operator",
        ),
        ({"image": {"defaultRegistry": "own.example"}}, "own.example/nemotron-operator"),
        (
            {"global": {"imageRegistry": "registry.example"}, "image": {"defaultRegistry": "own.example"}},
            "registry.example/nemotron-operator",
        ),
        (
            {"image": {"registry": "registry.example", "defaultRegistry": "own.example"}},
            "registry.example/nemotron-operator",
        ),
        ({"image": {"repository": "ghcr.io/a/b", "defaultRegistry": "own.example"}}, "ghcr.io/a/b"),
    ],
)
def test_the_registry_that_is_named_closest_to_the_image_counts(
    helms: dict[str, Helm], values: Body, expected: str
) -> None:
    assert f"{expected}:{__version__}" == container(objects(helms, **values))["image"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default", f"nemotron-operator:{__version__}"),
        ("air-gap", "registry.example.com/platform/nemotron-operator:0.2.0-mirror.1@sha256:"),
        ("everything-on", "registry.example.com/platform/nemotron-downloader:0.2.0"),
    ],
)
def test_the_jobs_run_the_operators_image_unless_another_is_named(
    helms: dict[str, Helm], name: str, expected: str
) -> None:
    assert read_config(with_file(helms, name))["downloaderImage"].startswith(expected)


def test_what_is_said_of_the_place_arrives_in_the_pod(helms: dict[str, Helm]) -> None:
    given: dict[str, Any] = yaml.safe_load((CHART / "ci" / "high-availability-values.yaml").read_text())
    rendered = with_file(helms, "high-availability")
    spec = pod_spec(rendered)
    for field in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert spec[field] == given[field]
    assert spec["containers"][0]["resources"] == given["resources"]
    assert rendered["Deployment", RELEASE]["spec"]["replicas"] == given["replicaCount"]


def test_labels_and_annotations_for_all_are_on_every_object(helms: dict[str, Helm]) -> None:
    given: dict[str, Any] = yaml.safe_load((CHART / "ci" / "everything-on-values.yaml").read_text())
    rendered = with_file(helms, "everything-on")
    ours = [body for body in rendered.values() if body not in given["extraObjects"]]

    def lacks(field: str, wanted: dict[str, str]) -> list[str]:
        return [body["kind"] for body in ours if not wanted.items() <= (body["metadata"].get(field) or {}).items()]

    assert [] == lacks("labels", given["commonLabels"])
    assert [] == lacks("annotations", given["commonAnnotations"])


def test_what_is_said_of_the_pods_is_on_them_and_on_nothing_else(helms: dict[str, Helm]) -> None:
    given: dict[str, Any] = yaml.safe_load((CHART / "ci" / "everything-on-values.yaml").read_text())
    deployment = only(with_file(helms, "everything-on"), "Deployment")
    pod = deployment["spec"]["template"]["metadata"]
    for field, value in (("labels", "podLabels"), ("annotations", "podAnnotations")):
        assert given[value].items() <= pod[field].items()
        assert not given[value].keys() & deployment["metadata"][field].keys()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= pod["labels"].items()
    assert given["extraEnv"] == container(with_file(helms, "everything-on"))["env"][1:]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_an_older_image_starts_as_the_form_of_the_log_is_no_argument(helms: dict[str, Helm], log_format: str) -> None:
    operator = container(objects(helms, logFormat=log_format))
    (option,) = (each for each in typer.main.get_command(app).commands["run"].params if each.name == "log_format")  # type: ignore[attr-defined]
    assert [{"name": option.envvar, "value": log_format}] == operator["env"]
    assert {"--config", "--lease-namespace", "--log-level"} == {word.partition("=")[0] for word in operator["args"]}


@pytest.mark.parametrize("release", ["n", "on", "null", "yes", "true"])
def test_a_name_stays_a_text_whatever_it_looks_like(helm: Helm, release: str) -> None:
    text = helm.run("template", release, str(CHART), "--set=crds.install=false")
    bodies = [body for body in yaml.safe_load_all(text) if body]
    # YAML as Go reads it knows more words that are no texts.
    assert re.findall(rf"(?:instance|[nN]ame|namespace): {release}$", text, re.MULTILINE) == []
    assert {body["metadata"]["name"] for body in bodies} >= {release, f"{release}-metrics"}
    assert_texts(bodies)
    (deployment,) = (body for body in bodies if body["kind"] == "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert release == labels["app.kubernetes.io/instance"]
    assert release == deployment["spec"]["template"]["spec"]["serviceAccountName"]


@pytest.mark.parametrize("release", ["007", "1e3", "0x1f"])
def test_numbers_as_names_of_releases_and_namespaces_stay_texts(helm: Helm, release: str) -> None:
    given = {
        "crds": {"install": False},
        "nameOverride": "operator",
        "watchNamespaces": ["123", "1e3"],
        "networkPolicy": {"enabled": True},
        "monitoring": {"operator": {"enabled": True}, "engines": {"enabled": True}, "rules": {"enabled": True}},
        "policies": {"enabled": True, "maxGpusPerResource": 8},
        "dashboards": {"enabled": True},
    }
    numbered = replace(helm, namespace="123")
    text = numbered.run("template", release, str(CHART), values=given)
    bodies = [body for body in yaml.safe_load_all(text) if body]
    assert re.findall(rf"[:-] (?:{release}|123|1e3)$", text, re.MULTILINE) == []
    assert_texts(bodies)
    assert {"123", "1e3", None} == {body["metadata"].get("namespace") for body in bodies}
    assert {release} == {
        body["metadata"]["labels"]["app.kubernetes.io/instance"] for body in bodies if has_labels(body)
    }


def has_labels(body: Body) -> bool:
    return "labels" in body["metadata"]


def assert_texts(value: object) -> None:
    """Look for names, namespaces, labels and lists of names that YAML reads as something else."""
    if isinstance(value, list):
        for part in value:
            assert_texts(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key in {"name", "namespace", "matchNames", "values", "serviceAccountName", "matchLabels"} | {"labels"}:
                leaves = part if isinstance(part, list) else part.values() if isinstance(part, dict) else [part]
                assert {str} >= {type(leaf) for leaf in leaves if not isinstance(leaf, dict)}, (key, part)
            assert_texts(part)


@pytest.mark.parametrize("values", [{}, {"nameOverride": "2nd"}])
def test_a_name_that_no_service_can_have_is_refused_with_the_way_out(helm: Helm, values: Body) -> None:
    name = values.get("nameOverride", "1abc")
    with pytest.raises(HelmError) as error:
        helm.run("template", "1abc", str(CHART), values=values)
    said = f'are named "{name}", and the name of a Service must begin with a letter and have nothing but lower case'
    assert said in str(error.value)
    helm.run("template", "1abc", str(CHART), values={**values, "replicaCount": 0})


@pytest.mark.parametrize(
    ("release", "proposed"),
    [("my.op", "my-op"), ("1.op", "operator-1-op"), (f"{'a' * 49}.b", "a" * 49), ("9" * 53, f"operator-{'9' * 41}")],
)
def test_the_name_that_is_proposed_where_the_releases_cannot_be_is_one_that_can(
    helm: Helm, release: str, proposed: str
) -> None:
    with pytest.raises(HelmError) as error:
        helm.run("template", release, str(CHART))
    (found,) = re.findall(r"Set nameOverride to such a name, for example (\S+)\.$", str(error.value), re.MULTILINE)
    assert proposed == found
    rendered = read_objects(helm.run("template", release, str(CHART), values={"nameOverride": found}))
    assert ("Service", f"{proposed}-metrics") in rendered


def test_everything_has_the_name_that_is_given(helms: dict[str, Helm]) -> None:
    ours = {name for _, name in objects(helms, nameOverride="other", crds={"install": False}, replicaCount=2)}
    assert [] == [name for name in ours if not name.startswith("other")]


def test_another_account_is_used_by_the_pods_and_bound_to_the_permissions(helms: dict[str, Helm]) -> None:
    rendered = objects(helms, serviceAccount={"create": False, "name": "theirs"})
    subjects = [subject for body in rendered.values() for subject in body.get("subjects", [])]
    assert "theirs" == pod_spec(rendered)["serviceAccountName"]
    assert {"theirs"} == {subject["name"] for subject in subjects if subject["kind"] == "ServiceAccount"}
    assert "ServiceAccount" not in {kind for kind, _ in rendered}


def test_the_service_for_the_metrics_finds_the_operators_pods_and_not_the_one_that_tests(
    helms: dict[str, Helm],
) -> None:
    rendered = objects(helms)
    service = rendered["Service", f"{RELEASE}-metrics"]
    pod = rendered["Deployment", RELEASE]["spec"]["template"]
    test_pod = rendered["Pod", f"{RELEASE}-test"]
    (port,) = service["spec"]["ports"]
    assert ("http", 8080, "http") == (port["name"], port["port"], port["targetPort"])
    assert {"name": "http", "containerPort": 8080} in pod["spec"]["containers"][0]["ports"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert not service["spec"]["selector"].items() <= test_pod["metadata"]["labels"].items()


def test_the_pod_that_tests_runs_the_operators_image_and_asks_the_service(helms: dict[str, Helm]) -> None:
    rendered = objects(helms)
    (asking,) = rendered["Pod", f"{RELEASE}-test"]["spec"]["containers"]
    program, url = asking["args"]
    ast.parse(program)
    assert f"http://{RELEASE}-metrics:8080" == url
    assert container(rendered)["image"] == asking["image"]


def network_policy(rendered: dict[tuple[str, str], Body]) -> Body:
    policy: Body = only(rendered, "NetworkPolicy")["spec"]
    return policy


def test_who_reads_the_metrics_and_what_the_operator_asks_get_through_and_nothing_else(helms: dict[str, Helm]) -> None:
    rendered = objects(helms, networkPolicy={"enabled": True})
    policy = network_policy(rendered)
    api_server, names, jobs = policy["egress"]
    assert only(rendered, "Deployment")["spec"]["selector"] == policy["podSelector"]
    assert ["Ingress", "Egress"] == policy["policyTypes"]
    assert [{"ports": [{"protocol": "TCP", "port": 8080}], "from": [{"namespaceSelector": {}}]}] == policy["ingress"]
    assert {"ports": [{"protocol": "TCP", "port": port} for port in (443, 6443)]} == api_server
    assert {"ports": [{"protocol": kind, "port": 53} for kind in ("UDP", "TCP")]} == names
    assert [{"protocol": "TCP", "port": PROGRESS_PORT}] == jobs["ports"]
    fetching = {"key": COMPONENT_LABEL, "operator": "In", "values": [CACHE_COMPONENT, ADAPTER_COMPONENT]}
    assert [{"namespaceSelector": {}, "podSelector": {"matchExpressions": [fetching]}}] == jobs["to"]


def test_the_pod_that_tests_gets_through_where_only_some_may_read_the_metrics(helms: dict[str, Helm]) -> None:
    rendered = with_file(helms, "restricted")
    (rule,) = network_policy(rendered)["ingress"]
    monitoring, testing = rule["from"]
    assert {"namespaceSelector"} == monitoring.keys()
    assert testing["podSelector"]["matchLabels"].items() <= only(rendered, "Pod")["metadata"]["labels"].items()


def test_where_no_job_is_asked_there_is_no_way_to_them(helms: dict[str, Helm]) -> None:
    ports = [
        port["port"] for rule in network_policy(with_file(helms, "restricted"))["egress"] for port in rule["ports"]
    ]
    assert [6443, 53, 53, 5353] == ports


def test_jobs_are_asked_in_the_namespaces_that_are_served_and_in_no_others(helms: dict[str, Helm]) -> None:
    rendered = objects(helms, networkPolicy={"enabled": True}, watchNamespaces=["team-a", "team-b"])
    (peer,) = network_policy(rendered)["egress"][-1]["to"]
    named = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a", "team-b"]}
    assert {"matchExpressions": [named]} == peer["namespaceSelector"]


def test_further_objects_are_in_the_release_as_they_are(helms: dict[str, Helm]) -> None:
    given = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"a": "{{ .Values }}"}}
    assert given == objects(helms, extraObjects=[given])["ConfigMap", "more"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"image": {"registry": "a.example", "repository": "b.example/operator"}},
            'image.registry is "a.example", and image.repository "b.example/operator" names a registry too. Leave',
        ),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name is empty. Name the ServiceAccount that there is"),
        (
            {"podLabels": {"app.kubernetes.io/name": "mine"}},
            "podLabels sets app.kubernetes.io/name, by which the chart itself tells its objects. Take it out",
        ),
        ({"commonLabels": {"helm.sh/chart": "mine"}}, "commonLabels sets helm.sh/chart, by which the chart itself"),
        ({"podAnnotations": {"checksum/config": "1"}}, "podAnnotations sets checksum/config, by which"),
        (
            {"extraEnv": [{"name": "NEMOTRON_OPERATOR_LOG_FORMAT", "value": "text"}]},
            "extraEnv sets NEMOTRON_OPERATOR_LOG_FORMAT, which the chart sets itself. Take it out, and set logFormat.",
        ),
        (
            {"commonAnnotations": {"helm.sh/resource-policy": "keep"}},
            "commonAnnotations sets helm.sh/resource-policy, by which an uninstalled release",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused_with_the_way_out(helm: Helm, values: Body, said: str) -> None:
    with pytest.raises(HelmError) as error:
        helm.render(values=values)
    assert said in str(error.value)


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


def test_the_package_holds_what_is_installed_and_what_a_person_reads(helm: Helm, tmp_path: Path) -> None:
    helm.run("package", str(CHART), "--destination", str(tmp_path))
    with tarfile.open(tmp_path / f"nemotron-operator-{__version__}.tgz") as archive:
        names = {name.removeprefix("nemotron-operator/") for name in archive.getnames()}
    installed = {"values.schema.json", "templates/NOTES.txt", f"files/crds/nemotron.dev_{NEMOTRON.plural}.yaml"}
    assert installed | {"README.md", "files/tests/ask_operator.py"} <= names
    assert [] == [name for name in names if name.startswith("ci/") or "__pycache__" in name]
