"""What the members of an enumeration mean, in the words of their docstrings."""

import ast
import inspect
import textwrap
from enum import StrEnum


def read_meanings(reasons: type[StrEnum]) -> dict[str, str]:
    """Read the docstring under each member: Python keeps none, so the source is asked."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(reasons))).body
    if not isinstance(definition, ast.ClassDef):
        raise TypeError(f"{reasons} is no class")
    meanings = {}
    for assignment, said in zip(definition.body, definition.body[1:], strict=False):
        match assignment, said:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(words))):
                meanings[str(reasons[name])] = " ".join(words.split())
            case _:
                pass
    return meanings
