"""YAML as Kubernetes reads it. PyYAML leaves `y`, `1e3` and `0o17` unquoted, which other readers take for no text."""

import re
from typing import Any

import yaml

_PLAIN = re.compile(r"[A-Za-z_/.$-][\w/.:@$(){},=|+*^\\?<>' -]*[\w/.)}$-]|[A-Za-z_]")
_WORDS_OF_OTHER_TYPES = frozenset(
    {"", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "~", ".inf", ".nan", "-.inf"}
)


class _Dumper(yaml.CSafeDumper):
    """Quotes every text that another reader might take for something else."""


def dump_yaml(document: Any, width: int = 120) -> str:  # noqa: ANN401 - any JSON
    """Write one document; keys keep their order, nothing is aliased."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)
    return text


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    is_plain = _PLAIN.fullmatch(text) and text.casefold() not in _WORDS_OF_OTHER_TYPES and not _reads_as_number(text)
    style = None if is_plain and ": " not in text and " #" not in text else '"'
    if "\n" in text:
        style = "|" if not text.startswith((" ", "\n")) and "\t" not in text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _reads_as_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\.?[0-9][0-9_.,:eExXoOa-fA-F+-]*", text) is not None


_Dumper.add_representer(str, _represent_text)
_Dumper.ignore_aliases = lambda _self, _data: True  # type: ignore[method-assign,assignment]
