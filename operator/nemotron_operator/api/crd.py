"""Models to CustomResourceDefinition: pydantic's JSON Schema becomes a structural schema.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from typing import Any

from nemotron_operator.api.fields import ApiModel
from nemotron_operator.api.v1alpha1 import NemotronDeployment
from nemotron_operator.constants import API_GROUP, API_VERSION, KIND, PLURAL

SHORT_NAME = "nemo"
"""What a person types after `kubectl get`."""

_UNSTRUCTURAL = frozenset(
    {"title", "additionalProperties", "patternProperties", "propertyNames", "$defs", "discriminator"}
)
"""What pydantic writes and a structural schema does not take; maps get their additionalProperties back. A structural
schema cannot bound the keys of a map, so that CEL rules do."""

_RULES = "x-kubernetes-validations"


def render_crd() -> dict[str, Any]:
    """Render the CustomResourceDefinition of NemotronDeployment."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{API_GROUP}"},
        "spec": {
            "group": API_GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": [SHORT_NAME],
                "categories": ["nemotron"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": API_VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _render_root_schema()},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "selectableFields": [{"jsonPath": ".spec.model.name"}, {"jsonPath": ".spec.accelerator"}],
                    "additionalPrinterColumns": _render_columns(),
                }
            ],
        },
    }


def render_structural_schema(model: type[ApiModel]) -> dict[str, Any]:
    """Render one model as a structural schema: no references, no nulls, no free fields."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _restructure(schema, schema.get("$defs", {}))


def _render_root_schema() -> dict[str, Any]:
    schema = render_structural_schema(NemotronDeployment)
    properties = schema["properties"]
    properties["apiVersion"] = {"type": "string", "description": f"`{API_GROUP}/{API_VERSION}`."}
    properties["kind"] = {"type": "string", "description": f"`{KIND}`."}
    properties["metadata"] = {"type": "object"}
    # kstatus reads a lagging observedGeneration as "in progress": so a new resource is, before the operator sees it.
    properties["status"]["default"] = {"observedGeneration": -1}
    schema["properties"] = {name: properties[name] for name in ("apiVersion", "kind", "metadata", "spec", "status")}
    return schema


def _restructure(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _inline(_collapse_null(schema), definitions)
    restructured = {key: value for key, value in schema.items() if key not in _UNSTRUCTURAL and key != "properties"}
    if restructured.get("default", "") is None or restructured.get("default") in ((), []):
        del restructured["default"]
    if "const" in restructured:
        restructured["enum"] = [restructured.pop("const")]
    if "description" in restructured:
        restructured["description"] = " ".join(restructured["description"].split())
    if "properties" in schema:
        restructured["properties"] = {
            name: _restructure(field, definitions) for name, field in schema["properties"].items()
        }
    elif (values := _find_map_values(schema)) is not None:
        restructured["additionalProperties"] = _restructure(values, definitions)
    if "items" in schema:
        restructured["items"] = _restructure(schema["items"], definitions)
    return dict(sorted(restructured.items(), key=_reading_order))


def _find_map_values(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Find the schema of a map's values; None when it is not a map."""
    values: Any = schema.get("additionalProperties")
    if "patternProperties" in schema:
        (values,) = schema["patternProperties"].values()
    return values if isinstance(values, dict) else None


def _inline(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Replace a reference by what it names; words beside the reference win, CEL rules of both hold."""
    if "$ref" not in schema:
        return schema
    definition = definitions[schema["$ref"].removeprefix("#/$defs/")]
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    validations = definition.get(_RULES, []) + beside.get(_RULES, [])
    return {**definition, **beside, **({_RULES: validations} if validations else {})}


def _collapse_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Turn "this or null" into "this, optional": the API has no nulls."""
    if "anyOf" not in schema:
        return schema
    (member,) = (option for option in schema["anyOf"] if option != {"type": "null"})
    return {**member, **{key: value for key, value in schema.items() if key != "anyOf"}}


def _reading_order(item: tuple[str, Any]) -> tuple[int, str]:
    first = ("description", "type", "format", "default", "enum")
    last = ("required", "properties", "items", "additionalProperties")
    key = item[0]
    if key in first:
        return (first.index(key), key)
    return (90 + last.index(key), key) if key in last else (50, key)


def _render_columns() -> list[dict[str, Any]]:
    def column(name: str, json_path: str, kind: str = "string", **more: Any) -> dict[str, Any]:  # noqa: ANN401
        return {"name": name, "type": kind, "jsonPath": json_path, **more}

    def condition(kind: str, field: str) -> str:
        return f'.status.conditions[?(@.type=="{kind}")].{field}'

    return [
        column("Model", ".status.servedNames[0]"),
        column("Ready", condition("Ready", "status")),
        column("Status", condition("Ready", "reason")),
        column("Desired", ".spec.replicas", "integer"),
        column("Available", ".status.readyReplicas", "integer"),
        column("GPUs", ".status.plan.gpus", "integer"),
        column("Cache", condition("ModelCached", "reason")),
        column("Age", ".metadata.creationTimestamp", "date"),
        column("URL", ".status.endpoint.url", priority=1),
        column("Message", condition("Ready", "message"), priority=1),
    ]
