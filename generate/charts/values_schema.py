"""values.schema.json: what Helm refuses before it renders anything."""

import json
from typing import Any

from pydantic import BaseModel

DRAFT = "http://json-schema.org/draft-07/schema#"
"""What every Helm 3 and 4 reads."""

_REFERENCES = "#/definitions/{model}"

_OF_A_PARENT = {
    "global": {"type": "object", "description": "Of a parent chart."},
    "enabled": {"type": "boolean", "description": "Of a parent chart's condition. It changes nothing by itself."},
}
"""What Helm hands to a part of another chart."""


def render_values_schema(values: type[BaseModel], chart: str) -> str:
    """Render the schema of a chart's values; a key that nobody knows is refused."""
    schema = values.model_json_schema(by_alias=True, ref_template=_REFERENCES)
    definitions = schema.pop("$defs", {})
    schema["properties"] = {**_OF_A_PARENT, **schema["properties"]}
    schema = {"$schema": DRAFT, **schema, "definitions": definitions}
    cleaned = _clean(schema)
    return json.dumps({**cleaned, "title": f"Values of the chart {chart}"}, indent=2) + "\n"


def _clean(schema: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Leave out what pydantic makes up and no person reads: titles from names, defaults that values.yaml says."""
    if isinstance(schema, list):
        return [_clean(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _clean_value(key, value) for key, value in schema.items() if not _is_noise(key, value)}


def _clean_value(key: str, value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if key in {"properties", "definitions"}:
        return {name: _clean(part) for name, part in value.items()}
    if key == "description" and isinstance(value, str):
        return " ".join(value.split())
    return _clean(value)


def _is_noise(key: str, value: object) -> bool:
    return (key == "title" and isinstance(value, str)) or key == "default"
