"""Everything that is rendered is valid for every Kubernetes that is supported, and has no field that it lacks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml
from kubernetes_validate.utils import all_versions, major_minor, schema_contents
from referencing import Registry, Resource

from tests.policy.rendered import ROOT, Body

VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")

OWN = "NemotronDeployment"

FOREIGN = frozenset(
    {
        "Certificate",
        "HTTPRoute",
        "InferencePool",
        "LeaderWorkerSet",
        "PodMonitor",
        "PrometheusRule",
        "ScaledObject",
        "ServiceMonitor",
    }
)
"""Kinds that others define; the cluster tier asks an API server with their own definitions."""

CRD = ROOT / "crds" / "nemotron.dev_nemotrondeployments.yaml"


def list_unique(rendered: Mapping[str, Sequence[Body]]) -> dict[str, tuple[str, Body]]:
    """Take what is the same in several origins once."""
    return {
        json.dumps(body, sort_keys=True): (f"{origin} {body['kind']}/{body['metadata']['name']}", body)
        for origin, bodies in rendered.items()
        for body in bodies
    }


@cache
def find_folder(version: str) -> str:
    """Name the strict schemas of a minor version of Kubernetes."""
    (full,) = {each for each in all_versions() if major_minor(each) == version}
    return f"kubernetes-json-schema/v{full}-local-strict"


@cache
def make_validator(version: str, api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    """Read the schema of a kind, once: the package itself reads all of a version's for each object."""
    group, _, group_version = api_version.rpartition("/")
    name = "-".join(part for part in (kind.lower(), group.split(".")[0], group_version) if part)
    schema = schema_contents(f"{find_folder(version)}/{name}.json", version)
    return jsonschema.Draft202012Validator(schema, registry=read_definitions(version))


@cache
def read_definitions(version: str) -> Registry[Any]:
    """Read what the schemas of a version share."""
    definitions = schema_contents(f"{find_folder(version)}/_definitions.json", version)
    registry: Registry[Any] = Registry().with_resource("_definitions.json", Resource.from_contents(definitions))
    # Once for all, and not again for each reference.
    return registry.crawl()


def find_faults(validator: jsonschema.Draft202012Validator, subject: str, body: Body) -> Iterator[str]:
    """Say what is wrong with an object, and where."""
    for error in validator.iter_errors(body):
        yield f"{subject}: {error.json_path}: {error.message}"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_for_every_supported_kubernetes(
    version: str, rendered: Mapping[str, Sequence[Body]]
) -> None:
    found = [
        fault
        for subject, body in list_unique(rendered).values()
        if body["kind"] not in {OWN, *FOREIGN}
        for fault in find_faults(make_validator(version, body["apiVersion"], body["kind"]), subject, body)
    ]

    assert [] == found


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_there_is_not_would_be_found(version: str) -> None:
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"prots": []}}

    assert ["a: $.spec: Additional properties are not allowed ('prots' was unexpected)"] == list(
        find_faults(make_validator(version, "v1", "Service"), "a", body)
    )


def test_every_resource_is_valid_by_its_own_definition(rendered: Mapping[str, Sequence[Body]]) -> None:
    validator = read_own_definition()
    resources = [(subject, body) for subject, body in list_unique(rendered).values() if body["kind"] == OWN]

    assert resources
    assert [] == [fault for subject, body in resources for fault in find_faults(validator, subject, body)]


def test_a_typo_in_a_resource_would_be_found() -> None:
    body = {"apiVersion": "nemotron.dev/v1alpha1", "kind": OWN, "spec": {"model": {"modelName": "x"}}}

    assert ["a: $.spec.model: Additional properties are not allowed ('modelName' was unexpected)"] == list(
        find_faults(read_own_definition(), "a", body)
    )


def test_only_kinds_of_others_that_are_rendered_are_left_out(rendered: Mapping[str, Sequence[Body]]) -> None:
    kinds = {body["kind"] for bodies in rendered.values() for body in bodies}
    assert FOREIGN - kinds == frozenset()


def read_own_definition() -> jsonschema.Draft202012Validator:
    """Read the definition's schema, in which no field may stand that it does not know."""
    definition = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema = close(definition)
    # The API server knows these two itself.
    schema["properties"]["metadata"] = {}
    return jsonschema.Draft202012Validator(schema)


def close(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    """Refuse unknown fields wherever fields are named, as `kubectl apply` does."""
    if isinstance(schema, list):
        return [close(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: close(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed["additionalProperties"] = False
    return closed
