"""What a person reads in values.yaml, and hears about a typing error."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.catalog.licences import LICENCES
from nemotron_operator.config import OperatorConfig
from tests.support.helm import CHART, NAMESPACE, RELEASE, Helm, HelmError, read_notes, read_objects

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

OPEN_VALUES = {
    "config",
    "dashboards.annotations",
    "dashboards.labels",
    "monitoring.engines.tlsConfig",
    "resources.limits",
    "resources.requests",
}
"""Values whose keys are not the chart's."""


def block_keys(node: yaml.MappingNode, path: str = "") -> Iterator[tuple[str, int, bool]]:
    """Give path and line of every key that stands on a line of its own, and whether it only holds others."""
    for key, value in node.value:
        here = f"{path}{key.value}"
        is_group = isinstance(value, yaml.MappingNode) and bool(value.value) and here not in OPEN_VALUES
        yield here, key.start_mark.line, is_group
        if is_group:
            yield from block_keys(value, f"{here}.")


def test_every_value_has_a_comment_above_it() -> None:
    text = (CHART / "values.yaml").read_text()
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    lines = text.splitlines()
    bare = [path for path, line, _ in block_keys(root) if not lines[line - 1].lstrip().startswith("# ")]
    assert bare == []


def test_the_schema_knows_the_values_and_no_others() -> None:
    of_a_parent = {"enabled"}
    assert set(value_paths(VALUES)) | of_a_parent == set(schema_paths(SCHEMA))


def value_paths(values: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{path}{key}"
        if isinstance(value, dict) and f"{path}{key}" not in OPEN_VALUES:
            yield from value_paths(value, f"{path}{key}.")


def schema_paths(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in schema["properties"].items():
        yield f"{path}{key}"
        here = follow(value)
        if "properties" in here and f"{path}{key}" not in OPEN_VALUES:
            yield from schema_paths(here, f"{path}{key}.")


def follow(schema: dict[str, Any]) -> dict[str, Any]:
    """Give what a schema refers to; itself if it refers to nothing."""
    reference = schema.get("$ref")
    return SCHEMA["definitions"][reference.rpartition("/")[2]] if reference else schema


def test_the_schema_knows_every_field_of_the_operators_configuration() -> None:
    expected = {field.alias for field in OperatorConfig.model_fields.values()}
    assert expected == follow(SCHEMA["properties"]["config"])["properties"].keys()


def leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the path of every value that is no group of others."""
    for key, value in values.items():
        here = (*path, key)
        if isinstance(value, dict) and value and ".".join(here) not in OPEN_VALUES:
            yield from leaves(value, here)
        else:
            yield here


def look_up(values: dict[str, Any], path: tuple[str, ...]) -> Any:  # noqa: ANN401 - whatever a value is
    found: Any = values
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def leave_out(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Copy values without one of them."""
    copied = copy.deepcopy(values)
    del look_up(copied, path[:-1])[path[-1]]
    return copied


@cache
def render_once(helm: Helm, values: str) -> str:
    return helm.render(values=json.loads(values))


CI_VALUES: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((CHART / "ci").glob("*-values.yaml"))
}


@pytest.mark.parametrize("path", list(leaves(VALUES)), ids=".".join)
def test_every_value_is_set_in_one_of_the_tested_sets_and_changes_what_is_rendered(
    helms: dict[str, Helm], path: tuple[str, ...]
) -> None:
    default = look_up(VALUES, path)
    setting = [values for values in CI_VALUES.values() if look_up(values, path) not in (None, default)]
    assert setting, "no file below ci/ sets it to anything but its default"
    for values in setting:
        if render_once(helms["helm"], json.dumps(values)) != helms["helm"].render(values=leave_out(values, path)):
            return
    raise AssertionError("wherever it is set, leaving it out changes nothing: no template reads it")


@pytest.mark.parametrize(
    ("given", "where", "named"),
    [
        ("replicas=2", "''", "'replicas'"),
        ("image.registri=registry.example", "'/image'", "'registri'"),
        ("crds.enabled=false", "'/crds'", "'enabled'"),
        ("config.enginImage=vllm", "'/config'", "'enginImage'"),
        ("resources.limit.memory=1Gi", "'/resources'", "'limit'"),
        ("networkPolicy.apiServer.port=6443", "'/networkPolicy/apiServer'", "'port'"),
        ("imagePullSecrets[0].secret=registry", "'/imagePullSecrets/0'", "'secret'"),
    ],
)
def test_a_key_that_there_is_not_is_named(helm: Helm, given: str, where: str, named: str) -> None:
    with pytest.raises(HelmError) as error:
        helm.render("--set", given)
    assert any(where in line and f"additional properties {named} not allowed" in line for line in lines_of(error.value))


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ("replicaCount=two", "'/replicaCount'"),
        ("replicaCount=-1", "'/replicaCount'"),
        ("image.repository=", "'/image/repository'"),
        ("image.repository=operator@sha256:0", "'/image/repository'"),
        ("image.registry=https://registry.example", "'/image/registry'"),
        ("image.tag=1", "'/image/tag'"),
        ("image.digest=latest", "'/image/digest'"),
        ("image.pullPolicy=Sometimes", "'/image/pullPolicy'"),
        ("crds.install=no", "'/crds/install'"),
        ("nodeSelector.gpu=true", "'/nodeSelector/gpu'"),
        ("imagePullSecrets[0]=registry", "'/imagePullSecrets/0'"),
        ("watchNamespaces={Team}", "'/watchNamespaces/0'"),
        ("watchNamespaces={team,team}", "'/watchNamespaces'"),
        ("networkPolicy.apiServer.ports={0}", "'/networkPolicy/apiServer/ports/0'"),
        ("nameOverride=Mine", "'/nameOverride'"),
        ("logFormat=yaml", "'/logFormat'"),
        ("extraObjects[0].kind=ConfigMap", "'/extraObjects/0'"),
        ("extraEnv[0].value=1", "'/extraEnv/0'"),
        ("serviceAccount.name=Mine", "'/serviceAccount/name'"),
        ("config.accelerators.H20.nodeLabels=null", "'/config/accelerators/H20'"),
    ],
)
def test_a_value_that_cannot_be_is_named_by_its_place(helm: Helm, given: str, where: str) -> None:
    with pytest.raises(HelmError) as error:
        helm.render("--set", given)
    assert any(f"at {where}: " in line for line in lines_of(error.value))


def lines_of(error: HelmError) -> list[str]:
    return str(error).splitlines()


def test_another_chart_can_have_it_as_a_part(helm: Helm, tmp_path: Path) -> None:
    parent = tmp_path / "platform"
    (parent / "charts").mkdir(parents=True)
    (parent / "charts" / "nemotron-operator").symlink_to(CHART)
    (parent / "Chart.yaml").write_text("{apiVersion: v2, name: platform, version: 1.0.0}")
    values = {"global": {"region": "north"}, "nemotron-operator": {"replicaCount": 2}}
    rendered = read_objects(helm.render(values=values, chart=parent))
    assert rendered["Deployment", RELEASE]["spec"]["replicas"] == 2


def notes(helms: dict[str, Helm], **values: object) -> str:
    # Helm 3 shows notes only where it reaches a cluster: the cluster tier reads them.
    return read_notes(helms["helm"].run("install", RELEASE, str(CHART), "--dry-run=client", values=values))


def test_the_notes_name_the_next_command(helms: dict[str, Helm]) -> None:
    said = notes(helms)
    assert f"\n  kubectl -n {NAMESPACE} rollout status deployment {RELEASE}\n" in said
    assert "\n  kubectl wait nemo/nemotron-70b --for=condition=Ready" in said
    assert "crds.install" not in said


def test_the_notes_say_what_is_missing(helms: dict[str, Helm]) -> None:
    said = notes(helms, replicaCount=0, crds={"install": False}, rbac={"create": False}, watchNamespaces=["team-a"])
    assert "helm install nemotron-operator-crds " in said
    assert f"-n team-a --as system:serviceaccount:{NAMESPACE}:{RELEASE}\n" in said
    fetched = "get configmap operator -o go-template='{{index .data \"config.yaml\"}}' > config.yaml\n"
    assert f"\n  kubectl -n {NAMESPACE} {fetched}" in said
    assert "\n  nemotron-operator run --config=config.yaml --namespace=team-a\n" in said
    assert "rollout status" not in said
    assert "helm test" not in said


def test_the_notes_ask_for_the_namespaces_that_are_served(helms: dict[str, Helm]) -> None:
    said = notes(helms, watchNamespaces=["team-a", "team-b"])
    assert "\n  kubectl get namespace team-a team-b\n" in said
    assert "\nkubectl apply -n team-a -f - <<'EOF'\n" in said
    assert "\n  kubectl wait -n team-a nemo/nemotron-70b" in said


@pytest.mark.parametrize("what", ["operator", "engines", "rules"])
def test_the_notes_warn_of_monitoring_without_its_api(helms: dict[str, Helm], what: str) -> None:
    warning = "this cluster did not show the Prometheus Operator's API"
    assert warning in notes(helms, monitoring={what: {"enabled": True}})
    assert warning not in notes(helms)


@pytest.mark.parametrize(
    ("organizations", "expected"),
    [
        ([], "mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC"),
        (["NVIDIA", "MysticBeing"], "mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC"),
        (["NVIDIA"], "nvidia/NVIDIA-Nemotron-Nano-9B-v2"),
        (["our-org"], "our-org/MODEL"),
    ],
)
def test_the_notes_serve_no_model_that_the_organisations_of_the_policies_refuse(
    helms: dict[str, Helm], organizations: list[str], expected: str
) -> None:
    rules = {"enabled": True, "maxGpusPerResource": 8, "allowedModelOrganizations": organizations}
    said = notes(helms, policies=rules)
    assert "serve a model: the platform's rules (policies) hold for it too" in said
    assert expected == read_example(said)["spec"]["model"]["name"]
    assert "the platform's rules" not in notes(helms, policies={**rules, "enabled": False})


def read_example(said: str) -> dict[str, Any]:
    """Read the resource that the notes apply."""
    found: dict[str, Any] = yaml.safe_load(said.partition("<<'EOF'\n")[2].partition("\nEOF\n")[0])
    return found


@pytest.mark.parametrize("organization", ["mysticbeing", "nvidia"])
def test_the_notes_show_the_licence_of_the_model_that_they_serve(helms: dict[str, Helm], organization: str) -> None:
    said = notes(helms, policies={"enabled": True, "allowedModelOrganizations": [organization]})
    model = read_example(said)["spec"]["model"]["name"]
    entry = load_catalog().find(model)
    assert entry is not None
    (licence,) = (LICENCES[each] for each in entry.licences)
    assert licence.title in said
    assert licence.url in said
