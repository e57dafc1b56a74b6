"""The table of what can go wrong with a cache: every reason of the Jobs' programs, in its own words."""

from collections.abc import Iterator

from generate.meanings import read_meanings
from nemotron_operator.downloader import errors as download_errors
from nemotron_operator.termination.errors import UNEXPECTED, ExplainedError
from nemotron_operator.volume import errors as volume_errors

BLOCK = "reasons"
"""The block of docs/model-cache.md that is generated."""


def render_reasons() -> str:
    """Render one row for each reason: what it means, and whether trying again may help."""
    retried = {str(kind.reason) for kind in _list_kinds(ExplainedError) if kind.retryable} | {UNEXPECTED}
    meanings = {
        **read_meanings(download_errors.Reason),
        **read_meanings(volume_errors.Reason),
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
