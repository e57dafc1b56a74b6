"""The accuracy of the plan: predicted against reported, for every row of tests/accuracy/datapoints.csv."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nemotron_operator.units import GIB
from tests.accuracy.comparison import KV_WITHIN, KV_WITHIN_GIB, WEIGHTS_WITHIN, Comparison, compare_all
from tests.accuracy.datapoints import read_datapoints
from tests.bench.table import print_figure

_COLUMNS = (
    ("row", 5),
    ("model", -29),
    ("TP", 2),
    ("weights GiB", 15),
    ("error", 7),
    ("KV B/token", 15),
    ("KV cache GiB", 15),
    ("error GiB", 14),
    ("KV tokens", 21),
    ("verdict", -14),
)
"""Heads and widths; a negative width stands on the left."""

_WORST = 5
"""Rows that are named as the worst."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How many rows keep each promise; each a tuple of the rows that do not, and the number of all."""

    weights: tuple[list[str], int]
    kv_bytes: tuple[list[str], int]
    kv_cache: tuple[list[str], int]
    kv_range: tuple[list[str], int]
    called_fitting: tuple[list[str], int]
    refused: tuple[list[str], int]


def summarise(comparisons: Sequence[Comparison]) -> Summary:
    """Count the rows that keep each promise, and name those that do not."""

    def count(answer: Callable[[Comparison], bool | None]) -> tuple[list[str], int]:
        answers = [(each.point.id, kept) for each in comparisons if (kept := answer(each)) is not None]
        return [row for row, kept in answers if not kept], len(answers)

    return Summary(
        weights=count(lambda each: None if each.weights_error is None else abs(each.weights_error) <= WEIGHTS_WITHIN),
        kv_bytes=count(lambda each: each.is_kv_exact),
        kv_cache=count(lambda each: each.is_kv_near),
        kv_range=count(lambda each: each.is_kv_within_range),
        called_fitting=count(lambda each: None if each.point.runs or each.fits is None else not each.fits),
        refused=count(lambda each: each.fits if each.point.runs else None),
    )


def print_accuracy() -> None:
    """Print the table, the summary, and what is not compared."""
    comparisons = compare_all()
    print(_format_row([head for head, _ in _COLUMNS]))
    for each in comparisons:
        print(_format_row(_list_cells(each)))
    _print_summary(comparisons)
    _print_worst(comparisons)
    _print_left_out()


def _print_summary(comparisons: Sequence[Comparison]) -> None:
    summary = summarise(comparisons)
    print("\npredicted / reported; a row is left empty where its source tells nothing to compare with")
    promises = (
        (f"weights within {WEIGHTS_WITHIN:.0%}", summary.weights),
        ("KV bytes exact", summary.kv_bytes),
        (f"KV cache within {KV_WITHIN:.0%} or {KV_WITHIN_GIB} GiB", summary.kv_cache),
        ("KV cache within the plan's range", summary.kv_range),
    )
    for promise, (missed, rows) in promises:
        print_figure(f"{promise}{_name(missed)}", f"{rows - len(missed)} of {rows}")
    for fault, (missed, rows) in (
        ("known to fail, called fitting", summary.called_fitting),
        ("known to run, refused", summary.refused),
    ):
        print_figure(f"{fault}{_name(missed)}", f"{len(missed)} of {rows}")


def _print_worst(comparisons: Sequence[Comparison]) -> None:
    by_weights = sorted(comparisons, key=lambda each: -abs(each.weights_error or 0))[:_WORST]
    print("worst weights: " + ", ".join(f"{each.point.id} {_percent(each.weights_error)}" for each in by_weights))
    by_cache = sorted(comparisons, key=lambda each: -abs(each.kv_error_gib or 0))[:_WORST]
    print("worst KV cache: " + ", ".join(f"{each.point.id} {_signed(each.kv_error_gib)} GiB" for each in by_cache))


def _print_left_out() -> None:
    points = read_datapoints()
    unplanned = dict.fromkeys(point.model for point in points if not point.is_planned)
    rows = sum(not point.is_planned for point in points)
    print(f"\nnot planned, as the architecture or its quantization is not known ({rows} rows): {', '.join(unplanned)}")
    for point in points:
        if point.is_planned and point.excluded:
            print(f"not compared: {point.id}: {point.excluded}")


def _list_cells(each: Comparison) -> list[str]:
    point = each.point
    tokens = each.tokens_of_reported_kv
    return [
        point.id,
        point.config.split("/")[-1][:29],
        str(point.tensor),
        _pair(each.memory.weights_bytes / GIB, point.weights_gib, ".2f"),
        _percent(each.weights_error),
        _compare_bytes(point.kv_gib, point.kv_tokens, tokens),
        _pair(each.kv_gib, None if each.kv_error_gib is None else point.kv_gib, ".2f"),
        f"{_signed(each.kv_error_gib)} {_percent(each.kv_error)}" if each.kv_error_gib is not None else "",
        _pair(each.kv_tokens, point.kv_tokens, "d") if each.kv_error_gib is not None else "",
        _verdict(each),
    ]


def _compare_bytes(kv_gib: float | None, kv_tokens: int | None, predicted_tokens: tuple[int, int] | None) -> str:
    """Write what a token takes, by the plan and by the report; an equals sign where they agree as far as printed."""
    if kv_gib is None or kv_tokens is None or predicted_tokens is None:
        return ""
    least, most = predicted_tokens
    predicted = kv_gib * GIB / ((least + most) / 2)
    return f"{predicted:.0f} {'=' if least <= kv_tokens <= most else '/'} {kv_gib * GIB / kv_tokens:.0f}"


def _verdict(each: Comparison) -> str:
    if each.fits is None:
        return ""
    said, was = "fits" if each.fits else "refused", "ran" if each.point.runs else "failed"
    return f"{said}, {was}{'' if each.fits == each.point.runs else ' !'}"


def _format_row(cells: Iterable[str]) -> str:
    return "  ".join(
        cell.ljust(-width) if width < 0 else cell.rjust(width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True)
    ).rstrip()


def _pair(predicted: float, reported: float | None, form: str) -> str:
    return "" if reported is None else f"{predicted:{form}} / {reported:{form}}"


def _percent(error: float | None) -> str:
    return "" if error is None else f"{error:+.1%}"


def _signed(error: float | None) -> str:
    return "" if error is None else f"{error:+.2f}"


def _name(rows: Sequence[str]) -> str:
    return f" (not {', '.join(rows)})" if rows else ""
