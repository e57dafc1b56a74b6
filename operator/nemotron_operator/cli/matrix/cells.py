"""The compact form of the matrix: one cell for each model and accelerator, for the terminal and for Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from nemotron_operator.cli.matrix.report import UNKNOWN_GEOMETRY, MatrixReport
from nemotron_operator.cli.tables import format_tokens

UNCERTAIN = "?"
"""Follows a full context that fits as expected, but not where every estimate is at its worst."""

MORE_NODES = "more than one node"
"""Stands where no size of one node starts."""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One model with its cells."""

    model: str
    context_tokens: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompactMatrix:
    """Models down, accelerators across; those that answer the same for every model share a column."""

    columns: tuple[tuple[str, ...], ...]
    """Names of the accelerators of each column."""
    rows: tuple[MatrixRow, ...]


def compact(reports: Sequence[MatrixReport]) -> CompactMatrix:
    """Take the smallest size that holds the full context, and those below it with what they hold."""
    by_model = {
        model: {accelerator: format_cell(list(each)) for accelerator, each in groupby(group, _get_accelerator)}
        for model, group in groupby(reports, _get_model)
    }
    contexts = {report.model: report.model_context for report in reports}
    alike: dict[tuple[str, ...], list[str]] = {}
    for accelerator in dict.fromkeys(report.accelerator for report in reports):
        alike.setdefault(tuple(cells[accelerator] for cells in by_model.values()), []).append(accelerator)
    rows = zip(by_model, zip(*alike, strict=True), strict=True)
    return CompactMatrix(
        columns=tuple(tuple(names) for names in alike.values()),
        rows=tuple(MatrixRow(model, contexts[model], cells) for model, cells in rows),
    )


def format_cell(options: Sequence[MatrixReport]) -> str:
    """Write `2: 31k, 4: 131k`: sizes that start, the fewest GPUs first, up to the one that holds the full context."""
    if options[0].remark == UNKNOWN_GEOMETRY:
        return "geometry not known"
    parts = []
    for option in options:
        if option.max_model_len is None:
            continue
        doubt = UNCERTAIN if option.fits and not option.is_certain else ""
        parts.append(f"{option.tensor_parallel_size}: {format_tokens(option.max_model_len)}{doubt}")
        if option.fits:
            break
    return ", ".join(parts) or MORE_NODES


def describe_remarks(reports: Sequence[MatrixReport]) -> list[str]:
    """Write a sentence for each model that one node does not hold."""
    accelerators: dict[tuple[str, str], list[str]] = {}
    for report in reports:
        if report.remark and report.remark != UNKNOWN_GEOMETRY:
            names = accelerators.setdefault((report.model, report.remark), [])
            names += [report.accelerator] if report.accelerator not in names else []
    return [f"{model} on {', '.join(names)}: {remark}." for (model, remark), names in accelerators.items()]


def _get_model(report: MatrixReport) -> str:
    return report.model


def _get_accelerator(report: MatrixReport) -> str:
    return report.accelerator
