"""The table of a chart's values in its README."""

import json
from collections.abc import Iterator

from pydantic import BaseModel

BLOCK = "values"
"""The block of a chart's README.md that is generated."""


def render_values_table(values: BaseModel) -> str:
    """Render one row for each value that is no group of others."""
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *_render_rows(values, "")])


def _render_rows(values: BaseModel, path: str) -> Iterator[str]:
    for name, field in type(values).model_fields.items():
        value, here = getattr(values, name), f"{path}{field.alias}"
        if isinstance(value, BaseModel) and type(value).model_fields:
            yield from _render_rows(value, f"{here}.")
            continue
        plain = values.model_dump(by_alias=True, mode="json", include={name})[field.alias or name]
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| `{here}` | `{json.dumps(plain)}` | {meaning} |"
