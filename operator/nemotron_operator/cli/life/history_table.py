"""The table of `nemoctl history`: a line for each revision, and below it why some failed."""

from collections.abc import Sequence

from rich.text import Text

from nemotron_operator.cli.life.history import HistoryEntry
from nemotron_operator.cli.tables import (
    BAD,
    BUSY,
    GOOD,
    MISSING,
    QUIET,
    make_lines_table,
    make_text,
    print_lines,
    print_page,
)

_COLUMNS = ("number", "revision", "created", "operator", "state", "changed")


def print_history(entries: Sequence[HistoryEntry], *, is_wide: bool) -> None:
    """Print the revisions; what changed is folded to the terminal, unless it is to be wide."""
    table, separator = make_lines_table(*_COLUMNS), "; " if is_wide else "\n"
    if not is_wide:
        table.columns[-1].no_wrap, table.columns[-1].overflow = False, "fold"
    for entry in entries:
        record = entry.record
        table.add_row(
            str(record.number),
            make_text(record.base_revision),
            make_text(record.created_at or MISSING),
            make_text(record.operator_version or MISSING),
            tell_state(entry),
            make_text(separator.join(entry.list_changes()) or MISSING),
        )
    (print_lines if is_wide else print_page)(table)
    failures = [make_text(f"{each.record.base_revision} failed: {_tell_failure(each)}") for each in _failed(entries)]
    if failures:
        (print_lines if is_wide else print_page)("", *failures)


def tell_state(entry: HistoryEntry) -> Text:
    """Tell what a revision is now, else what became of it."""
    failed = entry.record.failed
    states = [
        Text("serves", GOOD) if entry.is_serving else None,
        make_text(f"failed: {failed.reason}", BAD) if failed else None,
        Text("desired", BUSY) if entry.is_desired and not entry.is_serving else None,
    ]
    told = [state for state in states if state is not None]
    if not told:
        told = [Text("served") if entry.record.has_served else Text("never served", QUIET)]
    if entry.is_pinned:
        told.append(Text("pinned", QUIET))
    return Text(", ").join(told)


def _failed(entries: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    return [entry for entry in entries if entry.record.failed is not None]


def _tell_failure(entry: HistoryEntry) -> str:
    return entry.record.failed.message if entry.record.failed else ""
