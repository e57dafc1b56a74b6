"""The second picture of a plan: how many sequences fit at the same time, by their length."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nemotron_operator.cli.picture.axes import LogAxis, spread
from nemotron_operator.cli.picture.legal_sizes import LegalSize
from nemotron_operator.cli.picture.svg import (
    Picture,
    Shape,
    draw_area,
    draw_curve,
    draw_disc,
    draw_line,
    write,
    write_upward,
)
from nemotron_operator.cli.tables import format_count
from nemotron_operator.plan.memory.account import GpuMemory

_WIDTH, _HEIGHT = 980, 436
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 800, 36, 380
_SHORTEST_TOKENS = 1024
_POINTS = 97
LINE_STYLES = 6
"""Colours and dashes of lines that the page knows."""
_LINE_DISTANCE = 17
"""Points between the names of two lines."""


@dataclass(frozen=True, slots=True)
class _Axes:
    tokens: LogAxis
    sequences: LogAxis

    def place(self, tokens: float, sequences: float) -> tuple[float, float]:
        return self.tokens.place(tokens), self.sequences.place(sequences)


def draw_concurrency(name: str, sizes: Sequence[LegalSize], planned: int | None, limit: int) -> Picture | None:
    """Draw a line for each size up to the longest context that it holds; None when no size holds any.

    `planned` is the chosen size, and `limit` the model's own context.
    """
    drawn = [size for size in sizes if size.longest_tokens]
    if not drawn:
        return None
    chosen = next((size for size in drawn if size.tensor == planned and size.sizing.fits), None)
    axes = _choose_axes(drawn, limit)
    shapes = [*_draw_grid(axes)]
    for number, size in enumerate(sizes):
        if size in drawn:
            shapes += _draw_line(axes, size, number % LINE_STYLES, is_chosen=size is chosen)
    shapes += _draw_names(axes, drawn, chosen)
    shapes += _draw_batch(axes, drawn, chosen)
    if chosen is not None:
        shapes += _draw_choice(axes, chosen)
    return Picture(
        name=name,
        title="Sequences at the same time against their length, for each tensor parallel size",
        description=" ".join(_describe(size) for size in sizes),
        width=_WIDTH,
        height=_HEIGHT,
        shapes=shapes,
    )


def count_sequences(memory: GpuMemory, tokens: int, available_bytes: int | None = None) -> float:
    """Count the sequences of a length, with a fraction as in vLLM's own log (`Maximum concurrency for ...`)."""
    layout = memory.layout
    blocks = layout.count_blocks(memory.kv_cache_bytes if available_bytes is None else available_bytes)
    return blocks / max(1, layout.count_blocks_per_sequence(tokens))


def _choose_axes(drawn: Sequence[LegalSize], limit: int) -> _Axes:
    shortest = min(_SHORTEST_TOKENS, max(1, limit // 4))
    most = max(count_sequences(size.sizing.memory, shortest) for size in drawn)
    decades = max(1.0, math.ceil(math.log10(most) * 2) / 2)  # to a half of a decade
    return _Axes(LogAxis(shortest, max(limit, shortest * 2), _LEFT, _RIGHT), LogAxis(1, 10.0**decades, _BOTTOM, _TOP))


def _draw_grid(axes: _Axes) -> Iterator[Shape]:
    for tokens in axes.tokens.list_powers(2):
        x = axes.tokens.place(tokens)
        yield draw_line(x, _TOP, x, _BOTTOM, "grid")
        yield write(x, _BOTTOM + 20, _write_tokens(tokens), "tick", "middle")
    for sequences in axes.sequences.list_powers(10):
        y = axes.sequences.place(sequences)
        yield draw_line(_LEFT, y, _RIGHT, y, "grid")
        yield write(_LEFT - 10, y + 5, f"{sequences:,}", "tick", "end")
    yield draw_line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis")
    yield draw_line(_LEFT, _TOP, _LEFT, _BOTTOM, "axis")
    yield write((_LEFT + _RIGHT) / 2, _BOTTOM + 46, "context: tokens of one sequence", "label", "middle")
    yield write_upward(18, (_TOP + _BOTTOM) / 2, "sequences at the same time", "label")


def _draw_line(axes: _Axes, size: LegalSize, number: int, *, is_chosen: bool) -> Iterator[Shape]:
    memory, lengths = size.sizing.memory, _list_lengths(axes, size)
    if is_chosen:
        low, high = memory.kv_cache_bytes_range
        upper = [axes.place(tokens, count_sequences(memory, tokens, high)) for tokens in lengths]
        lower = [axes.place(tokens, count_sequences(memory, tokens, low)) for tokens in lengths]
        yield draw_area([*upper, *reversed(lower)], f"band line-{number}")
    points = [axes.place(tokens, count_sequences(memory, tokens)) for tokens in lengths]
    yield draw_curve(points, f"curve line-{number}", _describe(size))


def _list_lengths(axes: _Axes, size: LegalSize) -> list[int]:
    longest = max(size.longest_tokens, int(axes.tokens.low))
    return [*(int(tokens) for tokens in axes.tokens.list_points(_POINTS) if tokens < longest), longest]


def _draw_names(axes: _Axes, drawn: Sequence[LegalSize], chosen: LegalSize | None) -> Iterator[Shape]:
    """Write the name of each line at its end; those that end at the right edge stand beside it, one under another."""
    margin = _list_margin(axes, drawn, chosen)
    places = spread([y for y, _, _ in margin], _LINE_DISTANCE, _TOP, _BOTTOM)
    for (_, text, style), y in zip(margin, places, strict=True):
        yield write(_RIGHT + 12, y + 5, text, style)
    for size in drawn:
        if size.longest_tokens < axes.tokens.high:
            x, y = axes.place(size.longest_tokens, count_sequences(size.sizing.memory, size.longest_tokens))
            yield draw_disc(x, y, 4, "end")
            yield write(x + 8, y - 8, f"TP {size.tensor}: to {size.longest_tokens:,} tokens", "strong halo")


def _list_margin(axes: _Axes, drawn: Sequence[LegalSize], chosen: LegalSize | None) -> list[tuple[float, str, str]]:
    """List what stands beside the right edge: height, text and style."""
    margin = []
    for size in drawn:
        if size.longest_tokens < axes.tokens.high:
            continue
        count = count_sequences(size.sizing.memory, size.longest_tokens)
        is_planned = size is chosen and size.sizing.max_model_len >= axes.tokens.high
        name = f"TP {size.tensor}: {_write_count(count)}{', planned' if is_planned else ''}"
        margin.append((axes.sequences.place(count), name, "strong"))
    most = _find_batch(axes, drawn, chosen)
    if most is not None:
        margin.append((axes.sequences.place(most), f"maxNumSeqs {most:,}", ""))
    return margin


def _find_batch(axes: _Axes, drawn: Sequence[LegalSize], chosen: LegalSize | None) -> int | None:
    """Find how many sequences a step takes at most; None where that is not on the picture."""
    most = (chosen or drawn[-1]).sizing.shape.batch.max_num_seqs
    return most if 1 < most < axes.sequences.high else None


def _draw_batch(axes: _Axes, drawn: Sequence[LegalSize], chosen: LegalSize | None) -> Iterator[Shape]:
    most = _find_batch(axes, drawn, chosen)
    if most is not None:
        y = axes.sequences.place(most)
        yield draw_line(_LEFT, y, _RIGHT, y, "limit share")


def _draw_choice(axes: _Axes, size: LegalSize) -> Iterator[Shape]:
    """Mark the planned context; at the right edge the line's own name says so."""
    tokens = size.sizing.max_model_len
    count = count_sequences(size.sizing.memory, tokens)
    x, y = axes.place(tokens, count)
    words = f"planned: {_write_count(count)} x {tokens:,} tokens"
    if tokens < axes.tokens.high:
        is_right = x > (_LEFT + _RIGHT) / 2
        yield draw_line(x, _TOP - 12, x, _BOTTOM, "guide")
        yield write(x - 8 if is_right else x + 8, _TOP - 2, words, "strong halo", "end" if is_right else "start")
    yield draw_disc(x, y, 7, "choice", words)


def _describe(size: LegalSize) -> str:
    memory, longest = size.sizing.memory, size.longest_tokens
    if not longest:
        return f"Tensor parallel size {size.tensor} has no line: it holds no sequence."
    count = _write_count(count_sequences(memory, longest))
    return f"Tensor parallel size {size.tensor}: {count} x {format_count(longest, 'token')} at the same time."


def _write_count(count: float) -> str:
    """Write to a tenth, rounded down: 1.99 sequences are not two."""
    return f"{math.floor(count):,}" if count >= 100 else f"{math.floor(count * 10) / 10:.1f}"  # noqa: PLR2004 - three digits say enough


def _write_tokens(tokens: int) -> str:
    """Write a power of two as engineers do: 131072 is 128Ki, unlike the 131k of decimal thousands."""
    kibi, mebi = 1 << 10, 1 << 20
    if tokens >= mebi:
        return f"{tokens // mebi}Mi"
    return f"{tokens // kibi}Ki" if tokens >= kibi else str(tokens)
