"""The spec of a NemotronDeployment as a part of the models' chart's values.

A value may take another one away by null, and a default may begin what a deployment completes: so no map needs a key
here, and every value may be null. A list replaces another as a whole: its items are as complete as in the resource.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from generate.charts.values import ValuesModel
from nemotron_operator.api.crd import render_structural_schema
from nemotron_operator.api.fields import KEYS_ARE_QUALIFIED, LABEL_KEY_PATTERN
from nemotron_operator.api.spec import NemotronDeploymentSpec

_INT_OR_STRING = "x-kubernetes-int-or-string"

_KEPT = ("enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern")
"""What JSON Schema says in the same words as the definition; `format` only repeats the type."""


class SpecOverlay(ValuesModel):
    """Any part of a NemotronDeployment's spec."""

    @classmethod
    @override
    def __get_pydantic_json_schema__(
        cls, _core: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Take the schema of the definition, in which every key may be absent or null."""
        schema = _render_overlay(render_structural_schema(NemotronDeploymentSpec))
        return {**schema, "description": cls.__doc__}


def list_required(schema: Mapping[str, Any] | None = None, path: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """List which keys a map of the spec needs once it is there, by its path; items of lists are the schema's matter."""
    if schema is None:
        schema = render_structural_schema(NemotronDeploymentSpec)
    if path and (keys := schema.get("required")):
        yield {"path": list(path), "keys": keys}
    for name, field in schema.get("properties", {}).items():
        yield from list_required(field, (*path, name))


def allow_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Let null stand in the place of a value."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [*kinds, "null"], **enum}


def _render_overlay(schema: Mapping[str, Any]) -> dict[str, Any]:
    return allow_null(_translate(schema, _render_overlay))


def _render_item(schema: Mapping[str, Any]) -> dict[str, Any]:
    required = {"required": schema["required"]} if "required" in schema else {}
    return {**_translate(schema, _render_item), **required}


def _translate(schema: Mapping[str, Any], translate: Any) -> dict[str, Any]:  # noqa: ANN401 - one of the two above
    """Write a structural schema as one that refuses keys which nobody knows."""
    translated = {key: schema[key] for key in _KEPT if key in schema}
    translated["type"] = ["integer", "string"] if schema.get(_INT_OR_STRING) else schema["type"]
    if "description" in schema:
        translated["description"] = _shorten(schema["description"])
    if "properties" in schema:
        properties = {name: translate(field) for name, field in schema["properties"].items()}
        translated |= {"additionalProperties": False, "properties": properties}
    if "additionalProperties" in schema:
        translated["additionalProperties"] = translate(schema["additionalProperties"])
    if KEYS_ARE_QUALIFIED in schema.get("x-kubernetes-validations", []):
        translated["propertyNames"] = {"pattern": LABEL_KEY_PATTERN}
    if "items" in schema:
        translated["items"] = _render_item(schema["items"])
    return translated


def _shorten(description: str) -> str:
    """Keep what a field is; what it is by default and an example are in the reference."""
    return description.partition(" Default: ")[0].partition(" Required. ")[0].partition(" Example: ")[0]
