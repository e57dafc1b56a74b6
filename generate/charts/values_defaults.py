"""files/defaults.yaml: what the templates of a chart put where Helm hands them no value."""

from collections.abc import Iterator

from generate.charts.values import ValuesModel
from nemotron_operator.yaml_text import dump_yaml


def render_values_defaults(values: ValuesModel, header: str) -> str:
    """Render the defaults for templates, which cannot read values.yaml, and the maps that null empties."""
    document = {"values": values.model_dump(by_alias=True, mode="json"), "maps": list(_list_maps(values, ""))}
    return f"{header}\n{dump_yaml(document)}"


def _list_maps(values: ValuesModel, path: str) -> Iterator[str]:
    """List the maps whose keys are the user's, and which hold something by default."""
    for name, field in type(values).model_fields.items():
        value, here = getattr(values, name), f"{path}{field.alias}"
        if isinstance(value, ValuesModel):
            yield from _list_maps(value, f"{here}.")
        elif isinstance(value, dict) and value:
            yield here
