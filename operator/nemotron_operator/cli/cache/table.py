"""The tables of `nemoctl cache ls`: a line for each volume; the wide one has more columns and is never folded."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from nemotron_operator.cli.cache.volume import ModelVolume
from nemotron_operator.cli.tables import (
    BAD,
    BUSY,
    GOOD,
    MISSING,
    format_gib,
    make_lines_table,
    make_text,
    print_lines,
    print_page,
)
from nemotron_operator.units import MIB

_COLUMNS = ("claim", "repository", "commit", "size", "capacity", "phase", "used by")
_WIDE_COLUMNS = ("retention", "verified", "read rate")
_FOLDED_COLUMNS = ("claim", "repository", "used by")
_PHASE_STYLES = {"Bound": GOOD, "Lost": BAD}


def print_volume_list(volumes: Sequence[ModelVolume]) -> None:
    """Print what one looks for first; long names are folded to the terminal."""
    table = make_lines_table(*_COLUMNS)
    for column, name in zip(table.columns, _COLUMNS, strict=True):
        if name in _FOLDED_COLUMNS:
            column.no_wrap, column.overflow = False, "fold"
    _fill(table, volumes)
    print_page(table)


def print_volume_lines(volumes: Sequence[ModelVolume]) -> None:
    """Print everything, however narrow the terminal is."""
    table = make_lines_table(*_COLUMNS, *_WIDE_COLUMNS)
    _fill(table, volumes)
    print_lines(table)


def _fill(table: Table, volumes: Sequence[ModelVolume]) -> None:
    """Add the volumes; a narrow table takes the first cells only."""
    for volume in volumes:
        table.add_row(*_make_cells(volume)[: len(table.columns)])


def _make_cells(volume: ModelVolume) -> tuple[Text | str, ...]:
    cached = volume.cached
    rate = cached.read_bytes_per_second if cached else None
    return (
        make_text(f"{volume.namespace}/{volume.claim_name}"),
        make_text(volume.repository or MISSING),
        make_text(volume.short_commit or MISSING),
        format_gib(cached.size_bytes) if cached else MISSING,
        make_text(volume.capacity),
        _tell_phase(volume),
        make_text(", ".join(volume.users) or MISSING),
        make_text(volume.retention),
        make_text(cached.verified_at if cached else MISSING),
        f"{rate / MIB:,.0f} MiB/s" if rate is not None else MISSING,
    )


def _tell_phase(volume: ModelVolume) -> Text:
    """Tell what matters most: a volume that goes, files that cannot be trusted, else what Kubernetes says."""
    if volume.is_deleted:
        return Text("Terminating", BUSY)
    if volume.damage is not None:
        return Text("Damaged", BAD)
    return make_text(volume.phase, _PHASE_STYLES.get(volume.phase, BUSY))
