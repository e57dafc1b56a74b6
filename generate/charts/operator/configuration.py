"""The operator's configuration as a part of its chart's values."""

from typing import Any

from pydantic import ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

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
        """Take the schema of the configuration, of which nothing is required."""
        schema: dict[str, Any] = handler.resolve_ref_schema(handler(OperatorConfig.__pydantic_core_schema__))
        schema.pop("required", None)
        return schema
