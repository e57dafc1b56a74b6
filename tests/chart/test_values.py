"""What a person reads in values.yaml, and hears about a typing error."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nemotron_operator.config import OperatorConfig
from tests.support.helm import CHART, NAMESPACE, RELEASE, Helm, HelmError, read_notes, read_objects

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

OPEN_VALUES = {"config", "resources.requests", "resources.limits"}
"""Values whose keys are not the chart's."""


def block_keys(node: yaml.MappingNode, path: str = "") -> Iterator[tuple[str, int]]:
    """Give the path and line of every key that stands on a line of its own."""
    for key, value in node.value:
        here = f"{path}{key.value}"
        yield here, key.start_mark.line
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from block_keys(value, f"{here}.")


def test_every_value_has_a_comment_above_it() -> None:
    text = (CHART / "values.yaml").read_text()
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    lines = text.splitlines()
    bare = [path for path, line in block_keys(root) if line == 0 or not lines[line - 1].lstrip().startswith("# ")]
    assert bare == []


def test_the_schema_knows_the_values_and_no_others() -> None:
    assert set(value_paths(VALUES)) == set(schema_paths(SCHEMA)) - {"global", "resources.claims"}


def value_paths(values: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{path}{key}"
        if isinstance(value, dict) and f"{path}{key}" not in OPEN_VALUES:
            yield from value_paths(value, f"{path}{key}.")


def schema_paths(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in schema["properties"].items():
        yield f"{path}{key}"
        # The parts of an affinity are Kubernetes' own.
        if "properties" in value and f"{path}{key}" not in {*OPEN_VALUES, "affinity"}:
            yield from schema_paths(value, f"{path}{key}.")


def test_the_schema_knows_every_field_of_the_operators_configuration() -> None:
    expected = {field.alias for field in OperatorConfig.model_fields.values()}
    assert expected == SCHEMA["properties"]["config"]["properties"].keys()


@pytest.mark.parametrize(
    ("given", "where", "named"),
    [
        ("replicas=2", "''", "'replicas'"),
        ("image.registry=registry.example", "'/image'", "'registry'"),
        ("crds.enabled=false", "'/crds'", "'enabled'"),
        ("config.enginImage=vllm", "'/config'", "'enginImage'"),
        ("resources.limit.memory=1Gi", "'/resources'", "'limit'"),
        ("tolerations[0].taint=gpu", "'/tolerations/0'", "'taint'"),
        ("affinity.nodeAfinity.x=y", "'/affinity'", "'nodeAfinity'"),
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
        ("image.tag=1", "'/image/tag'"),
        ("image.digest=latest", "'/image/digest'"),
        ("image.pullPolicy=Sometimes", "'/image/pullPolicy'"),
        ("crds.install=no", "'/crds/install'"),
        ("nodeSelector.gpu=true", "'/nodeSelector/gpu'"),
        ("imagePullSecrets[0]=registry", "'/imagePullSecrets/0'"),
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
    said = notes(helms, replicaCount=0, crds={"install": False})
    assert "kubectl apply --server-side -f crds/\n" in said
    assert "\n  nemotron-operator run\n" in said
    assert "rollout status" not in said
