"""The operator's configuration as a part of its chart's values."""

from typing import Any

from pydantic import ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from generate.charts.models.spec import allow_null
from generate.charts.values import ValuesModel
from nemotron_operator.config import OperatorConfig


class ConfigOverlay(ValuesModel):
    """Any fields of the operator's configuration: what is absent stays as it was shipped."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    @override
    def __get_pydantic_json_schema__(
        cls, _core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Take the schema of the configuration, of which nothing is required and null takes anything away."""
        schema: dict[str, Any] = handler.resolve_ref_schema(handler(OperatorConfig.__pydantic_core_schema__))
        schema.pop("required", None)
        return _let_null_unset(schema, handler)


def _let_null_unset(schema: dict[str, Any], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    """Let null stand for every key of a map, and of the maps in it, that may be absent; in lists it is a value."""
    if "$ref" in schema:
        described = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**handler.resolve_ref_schema({"$ref": schema["$ref"]}), **described}
    required = schema.get("required", [])
    if "properties" in schema:
        properties = {
            key: part if key in required else _allow_null(_let_null_unset(part, handler))
            for key, part in schema["properties"].items()
        }
        schema = {**schema, "properties": properties}
    if isinstance(schema.get("additionalProperties"), dict):
        schema = {
            **schema,
            "additionalProperties": _allow_null(_let_null_unset(schema["additionalProperties"], handler)),
        }
    return schema


def _allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    # `anyOf` is how pydantic says that a value may be null already.
    return schema if "anyOf" in schema else allow_null(schema)
