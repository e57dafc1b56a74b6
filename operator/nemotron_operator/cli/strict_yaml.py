"""YAML as a person means it: a key that stands twice is a mistake, not the later value, and a date stays text."""

from collections import Counter
from collections.abc import Hashable
from typing import Any

import yaml
from typing_extensions import override

from nemotron_operator.errors import InvalidResourceError


class _DuplicateKeyError(yaml.MarkedYAMLError):
    """A key stands twice in one mapping."""


class _Loader(yaml.CSafeLoader):
    """Refuses keys that stand twice in one mapping."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        counts = Counter((key.tag, key.value) for key in keys)
        again = next((key for key in reversed(keys) if counts[key.tag, key.value] > 1), None)
        if again is not None:
            raise _DuplicateKeyError(problem=f"the key {again.value!r}", problem_mark=again.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_documents(text: bytes, source: str) -> list[Any]:
    """Read every document of a file; those without content are None.

    Raises
    ------
    InvalidResourceError
        The text is not YAML, or a key stands twice; the message names `source` and the line.
    """
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except _DuplicateKeyError as error:
        message = f"{source}: {_locate(error)}{error.problem} stands twice in one mapping. Remove one of the two."
        raise InvalidResourceError(message) from error
    except yaml.MarkedYAMLError as error:
        message = f"{source}: {_locate(error)}is not YAML: {error.problem or error.context}."
        raise InvalidResourceError(message) from error
    except yaml.reader.ReaderError as error:
        raise InvalidResourceError(f"{source}: is not YAML: no UTF-8 text at byte {error.position}.") from error
    except ValueError as error:
        raise InvalidResourceError(f"{source}: is not YAML: {error}.") from error
    except RecursionError as error:
        raise InvalidResourceError(f"{source}: is nested too deeply to be a resource.") from error


def _locate(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
