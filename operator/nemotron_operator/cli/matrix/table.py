"""The tables of `nemoctl plan --all`: a cell for each model and accelerator, or a line for each size."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from nemotron_operator.cli.matrix.cells import CompactMatrix, MatrixRow, compact, describe_remarks
from nemotron_operator.cli.matrix.report import MatrixReport
from nemotron_operator.cli.messages import make_printable
from nemotron_operator.cli.tables import (
    BAD,
    GOOD,
    MISSING,
    UNFOLDED_WIDTH,
    add_field,
    format_gib,
    format_tokens,
    indent,
    make_fields_table,
    make_lines_table,
    make_text,
    print_lines,
    print_page,
)

HOW_TO_READ = (
    "GPUs of one replica (tensor parallel size): longest context in tokens. The last one holds the model's full "
    "context, unless none does; '?' where only the expected estimates hold it, not the worst. -o wide tells every size."
)
"""Stands under the compact table."""

_FOLDED_OFF_NAMES = 12
"""Columns that the names of models may lack: a few fold, which reads better than a block for each."""


def print_matrix_page(reports: Sequence[MatrixReport]) -> None:
    """Print the compact matrix, folded to the terminal, and how to read it."""
    remarks = [make_text(remark) for remark in describe_remarks(reports)]
    print_page(_FoldedMatrix(compact(reports)), "", HOW_TO_READ, *([""] if remarks else []), *remarks)


def print_matrix_lines(reports: Sequence[MatrixReport]) -> None:
    """Print a line for each model, accelerator and size, never folded, for comparing and for `grep`."""
    table = make_lines_table(*_LINE_COLUMNS)
    for report in reports:
        numbers = (report.max_model_len, report.kv_cache_tokens, report.max_concurrent_full_length)
        weights = report.weights_bytes_per_gpu
        table.add_row(
            make_text(report.model),
            make_text(report.accelerator),
            _write(report.tensor_parallel_size),
            Text("yes", GOOD) if report.fits else Text("no", BAD),
            "yes" if report.is_certain else "no",
            *map(_write, numbers),
            MISSING if weights is None else format_gib(weights).replace(" ", ""),
            make_text(report.remark),
        )
    print_lines(table)


_LINE_COLUMNS = (
    "model",
    "accelerator",
    "tp",
    "fits",
    "certain",
    "context",
    "kv-tokens",
    "sequences",
    "weights",
    "remark",
)


@dataclass(frozen=True, slots=True)
class _FoldedMatrix:
    """A table, or where the terminal is too narrow for it a block for each model."""

    matrix: CompactMatrix

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = _make_table(self.matrix)
        needed = Measurement.get(console, options.update(max_width=UNFOLDED_WIDTH), table).maximum
        if needed - _FOLDED_OFF_NAMES <= options.max_width:
            yield table
            return
        for row in self.matrix.rows:
            yield make_text(f"{row.model} (context {format_tokens(row.context_tokens)})", "bold")
            fields = make_fields_table()
            for accelerators, cell in zip(self.matrix.columns, row.cells, strict=True):
                add_field(fields, make_printable(", ".join(accelerators)), make_text(cell))
            yield indent(fields)


def _make_table(matrix: CompactMatrix) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("MODEL", overflow="fold")
    table.add_column("CONTEXT", justify="right", no_wrap=True)
    for accelerators in matrix.columns:
        table.add_column(make_text("\n".join(accelerators)), no_wrap=True)
    for row in matrix.rows:
        table.add_row(make_text(_shorten(row, matrix)), format_tokens(row.context_tokens), *map(make_text, row.cells))
    return table


def _shorten(row: MatrixRow, matrix: CompactMatrix) -> str:
    """Leave out the organisation that most models share, so that a line stays a line."""
    organisations = [each.model.partition("/")[0] for each in matrix.rows]
    most = max(set(organisations), key=organisations.count)
    return row.model.removeprefix(f"{most}/")


def _write(number: int | None) -> str:
    return MISSING if number is None else str(number)
