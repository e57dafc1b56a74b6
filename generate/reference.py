"""The reference page of the resource: the definition's own descriptions as tables, one for each object."""

from collections.abc import Iterator
from typing import Any

INTRODUCTION = """\
# NemotronDeployment

<!-- Generated from operator/nemotron_operator/api by `make generate`. Do not edit. -->

The same words as `kubectl explain nemo.spec`. Only `spec.model` is required: what is absent is decided by the plan, and
the decision is shown in the status.
"""


def render_reference(crd: dict[str, Any]) -> str:
    """Render spec and status of the first version as Markdown."""
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    sections = [
        section for field in ("spec", "status") for section in _render_object(field, schema["properties"][field])
    ]
    return "\n".join([INTRODUCTION, *sections])


def _render_object(path: str, schema: dict[str, Any]) -> Iterator[str]:
    rows = [
        f"| `{name}` | {_describe_type(field)} | {_escape(field.get('description', ''))} |"
        for name, field in schema["properties"].items()
    ]
    yield "\n".join([f"## `{path}`", "", "| field | type | meaning |", "|---|---|---|", *rows, ""])
    for validation in schema.get("x-kubernetes-validations", []):
        yield f"Rule: {validation['message']}.\n"
    for name, field in schema["properties"].items():
        if "properties" in field:
            yield from _render_object(f"{path}.{name}", field)
        elif "properties" in field.get("items", {}):
            yield from _render_object(f"{path}.{name}[]", field["items"])


def _describe_type(field: dict[str, Any]) -> str:
    kind: str = field.get("type", "integer or text")
    if kind == "array":
        return f"list of {_describe_type(field['items'])}"
    if "additionalProperties" in field:
        return "map"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    bounds = [f"{word} {field[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in field]
    return " ".join([kind, *bounds])


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
