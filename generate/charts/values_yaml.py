"""values.yaml: every default, below the words that explain it."""

import textwrap
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nemotron_operator.yaml_text import dump_yaml

WIDTH = 118
"""Columns of a comment, its indentation included."""


def render_values_yaml(values: BaseModel, header: str) -> str:
    """Render the defaults with a comment above each."""
    return "\n".join([header, *_render_fields(values, indent="")]) + "\n"


def _render_fields(values: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(values).model_fields.items():
        yield from _render_comment(field, indent)
        value = getattr(values, name)
        if isinstance(value, BaseModel) and type(value).model_fields:
            yield f"{indent}{field.alias}:"
            yield from _render_fields(value, indent + "  ")
        else:
            plain = values.model_dump(by_alias=True, mode="json", include={name})
            yield textwrap.indent(dump_yaml(plain).rstrip("\n"), indent)


def _render_comment(field: FieldInfo, indent: str) -> Iterator[str]:
    words = " ".join((field.description or "").split())
    yield from textwrap.wrap(
        words,
        WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
