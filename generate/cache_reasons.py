"""The table of what can go wrong with a cache: every reason of the Jobs' programs, in its own words."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from enum import StrEnum

from nemotron_operator.downloader import errors as download_errors
from nemotron_operator.termination.errors import UNEXPECTED, ExplainedError
from nemotron_operator.volume import errors as volume_errors

BLOCK = "reasons"
"""The block of docs/model-cache.md that is generated."""


def render_reasons() -> str:
    """Render one row for each reason: what it means, and whether trying again may help."""
    retried = {str(kind.reason) for kind in _list_kinds(ExplainedError) if kind.retryable} | {UNEXPECTED}
    meanings = {
        **_read_meanings(download_errors.Reason),
        **_read_meanings(volume_errors.Reason),
    }
    rows = [
        f"| `{reason}` | {meaning} | {'yes' if reason in retried else 'no'} |" for reason, meaning in meanings.items()
    ]
    return "\n".join(["| reason | what it means | tried again |", "|---|---|---|", *rows])


def _list_kinds(kind: type[ExplainedError]) -> Iterator[type[ExplainedError]]:
    for narrower in kind.__subclasses__():
        if hasattr(narrower, "reason"):
            yield narrower
        yield from _list_kinds(narrower)


def _read_meanings(reasons: type[StrEnum]) -> dict[str, str]:
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
