"""The page of the licences: which one holds for each model of the catalogue, and what it asks."""

from collections.abc import Iterator

from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.catalog.licences import LICENCES

MODELS_BLOCK = "models"
"""The block of docs/licences.md with a row for each model."""

LICENCES_BLOCK = "licences"
"""The block of docs/licences.md with a section for each licence."""


def render_models() -> str:
    """Render one row for each model."""
    rows = (
        f"| `{name}` | {' and '.join(map(_link, entry.licences))} |" for name, entry in load_catalog().entries.items()
    )
    return "\n".join(["| model | licence |", "|---|---|", *rows])


def render_licences() -> str:
    """Render one section for each licence that a model has."""
    entries = load_catalog().entries.values()
    used = {identifier for entry in entries for identifier in entry.licences}
    return "\n\n".join(part for identifier in LICENCES if identifier in used for part in _render_licence(identifier))


def _link(identifier: str) -> str:
    title = LICENCES[identifier].title
    return f"[{title}](#{title.lower().replace('.', '').replace(' ', '-')})"


def _render_licence(identifier: str) -> Iterator[str]:
    licence = LICENCES[identifier]
    yield f"### {licence.title}"
    yield f"`{identifier}`, <{licence.url}>. {licence.terms}"
    if licence.notice:
        yield f"Notice to keep with copies:\n\n```text\n{licence.notice}\n```"
