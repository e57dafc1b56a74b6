"""Templates whose every interpolated value comes out as JSON, which is YAML.

A template reads like the manifest that it makes, types survive, and no value can change the document's structure.
"""

import json
import re
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import yaml

_SURROGATE_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")


def render_template(name: str, **values: object) -> dict[str, Any]:
    """Render one template of this package into the object that it describes."""
    text = _load_environment().get_template(f"{name}.yaml.j2").render(**values)
    manifest: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return manifest


def to_yaml_scalar(value: object) -> str:
    """Write a value as JSON in the part of JSON that YAML reads the same.

    Notes
    -----
    JSON writes characters beyond the basic plane as two surrogates; YAML has one escape for them, and would read two
    broken characters.
    """
    return _SURROGATE_PAIR.sub(_join_surrogates, json.dumps(value))


def _join_surrogates(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16), int(pair[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


@cache
def _load_environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_read_template),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        autoescape=False,  # noqa: S701 - the output is YAML, and `finalize` quotes every value
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: object) -> str:
    if isinstance(value, jinja2.Undefined):
        return str(value)  # raises, and names what the template lacks
    return to_yaml_scalar(value)


def _read_template(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text()
