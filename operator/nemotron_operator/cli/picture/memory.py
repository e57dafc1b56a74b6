"""The first picture of a plan: how the memory of one GPU is spent, a bar for each legal tensor parallel size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nemotron_operator.cli.picture.axes import LinearAxis
from nemotron_operator.cli.picture.legal_sizes import LegalSize
from nemotron_operator.cli.picture.svg import Picture, Shape, draw_area, draw_box, draw_curve, draw_line, write
from nemotron_operator.cli.tables import format_count, format_gib
from nemotron_operator.plan.memory.account import GpuMemory
from nemotron_operator.units import GIB

_WIDTH = 980
_LEFT, _RIGHT = 84, 750
"""Where bars begin, and the longest ends; the words of a bar follow."""
_TOP, _ROW, _BAR = 48, 62, 34
_LONGEST_IN_GPUS = 1.3
"""A bar of more than so many times the GPU's memory is cut off, and says so."""
_BREAK = 26
"""Points at the end of a cut bar that its break takes."""
_NARROWEST_LABEL = 44
"""A segment that is narrower, in points, carries no number; the table has it."""

LEGEND = (
    ("weights", "weights"),
    ("activation", "activations"),
    ("non-torch", "communication and CUDA"),
    ("graphs", "CUDA graphs"),
    ("adapters", "room for LoRA adapters"),
    ("sequence", "KV cache of one full-length sequence"),
    ("rest", "KV cache for more sequences"),
    ("missing", "missing for one full-length sequence"),
    ("free", "left free by the engine"),
    ("whisker", "uncertainty of the estimates"),
)
"""Style and name of each part, in the order of the bar."""

_NAMES = dict(LEGEND)


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar."""

    style: str
    start_bytes: int
    size_bytes: int

    @property
    def end_bytes(self) -> int:
        """Tell where it ends."""
        return self.start_bytes + self.size_bytes


def draw_memory(name: str, sizes: Sequence[LegalSize], planned: int | None) -> Picture:
    """Draw a bar for each size against the GPU's memory and the engine's share; `planned` is the chosen size."""
    memory = sizes[0].sizing.memory
    bars = [split_memory(size) for size in sizes]
    longest = max(bar[-1].end_bytes for bar in bars)
    cut = int(_LONGEST_IN_GPUS * memory.total_bytes)
    axis = LinearAxis(min(longest * 1.01, cut) / GIB, _LEFT, _RIGHT)
    bottom = _TOP + len(sizes) * _ROW
    shapes = [*_draw_axis(axis, bottom)]
    for number, (size, bar) in enumerate(zip(sizes, bars, strict=True)):
        shapes += _draw_row(axis, size, bar, _TOP + number * _ROW, is_planned=size.tensor == planned)
    shapes += _draw_limits(axis, memory, bottom)
    for number, bar in enumerate(bars):
        shapes += _write_numbers(axis, bar, _TOP + number * _ROW + (_ROW - _BAR) / 2)
    return Picture(
        name=name,
        title="Memory of one GPU for each tensor parallel size",
        description=" ".join(_describe(size) for size in sizes),
        width=_WIDTH,
        height=bottom + 46,
        shapes=shapes,
    )


def split_memory(size: LegalSize) -> list[Segment]:
    """Split the memory of one GPU into the parts of its bar, from the weights to what is left free."""
    memory, sizing = size.sizing.memory, size.sizing
    working, needed = memory.working, memory.count_sequence_bytes(sizing.max_model_len)
    available = max(0, memory.kv_cache_bytes)
    taken = [
        ("weights", memory.weights_bytes),
        ("activation", working.activation.expected_bytes),
        ("non-torch", working.non_torch.expected_bytes),
        ("graphs", working.graphs.expected_bytes),
        ("adapters", working.adapters.expected_bytes),
        ("sequence", min(needed, available)),
        ("rest", max(0, available - needed)),
        ("missing", max(0, needed - available)),
    ]
    segments, place = [], 0
    for style, size_bytes in taken:
        segments.append(Segment(style, place, size_bytes))
        place += size_bytes
    segments.append(Segment("free", place, max(0, memory.total_bytes - place)))
    return [segment for segment in segments if segment.size_bytes]


def judge(size: LegalSize) -> tuple[str, str]:
    """Say in words whether a size fits, and with what."""
    sizing = size.sizing
    memory, context = sizing.memory, f"{sizing.max_model_len:,} tokens"
    if sizing.fits:
        verdict = "fits" if sizing.is_certain else "fits, if the estimates hold"
        return verdict, f"{memory.count_concurrent(sizing.max_model_len):,} x {context} at once"
    if memory.kv_cache_bytes <= 0:
        return "does not fit", f"over by {format_gib(-memory.kv_cache_bytes)}"
    if not sizing.holds_states:
        return "does not fit", f"{memory.count_blocks()} blocks for {sizing.shape.batch.max_num_seqs} Mamba states"
    if size.longest_tokens:
        return "does not fit", f"at most {format_count(size.longest_tokens, 'token')}"
    return "does not fit", "not even a short context"


def name_choice(size: LegalSize) -> str:
    """Name the chosen size: what does not fit is no plan."""
    return "planned" if size.sizing.fits else "tried"


def _describe(size: LegalSize) -> str:
    parts = ", ".join(f"{_NAMES[segment.style]} {format_gib(segment.size_bytes)}" for segment in split_memory(size))
    verdict, detail = judge(size)
    return f"Tensor parallel size {size.tensor}: {verdict}, {detail}; {parts}."


def _draw_axis(axis: LinearAxis, bottom: int) -> Iterator[Shape]:
    for tick in axis.list_ticks(10):
        x = axis.place(tick)
        yield draw_line(x, _TOP - 6, x, bottom, "grid")
        yield write(x, bottom + 18, f"{tick:g}", "tick", "middle")
    yield write((_LEFT + _RIGHT) / 2, bottom + 38, "GiB on one GPU", "label", "middle")


def _draw_limits(axis: LinearAxis, memory: GpuMemory, bottom: int) -> Iterator[Shape]:
    """Draw the two lines that a bar is held against; their names stand on either side, as they are close together."""
    engine, gpu = axis.place(memory.requested_bytes / GIB), axis.place(memory.total_bytes / GIB)
    share = 100 * memory.requested_bytes / memory.total_bytes
    yield draw_line(engine, _TOP - 12, engine, bottom, "limit share")
    yield write(engine - 4, _TOP - 18, f"engine share {format_gib(memory.requested_bytes)} ({share:.0f} %)", "", "end")
    yield draw_line(gpu, _TOP - 12, gpu, bottom, "limit")
    yield write(gpu + 4, _TOP - 18, f"GPU {format_gib(memory.total_bytes)}")


def _draw_row(
    axis: LinearAxis, size: LegalSize, bar: Sequence[Segment], top: int, *, is_planned: bool
) -> Iterator[Shape]:
    middle, y = top + _ROW / 2, top + (_ROW - _BAR) / 2
    yield write(_LEFT - 12, middle - 3, f"TP {size.tensor}", "strong", "end")
    yield write(_LEFT - 12, middle + 14, format_count(size.sizing.gpus, "GPU"), "", "end")
    for segment in bar:
        yield from _draw_segment(axis, segment, y)
    yield from _draw_whisker(axis, size.sizing.memory, y)
    if _is_cut(axis, bar[-1]):
        yield from _draw_cut(y)
    if is_planned:
        yield draw_box(_LEFT - 3, y - 4, _RIGHT - _LEFT + 6, _BAR + 8, "planned")
    verdict, detail = judge(size)
    yield write(_RIGHT + 14, middle - 3, f"{name_choice(size)}: {verdict}" if is_planned else verdict, "strong")
    yield write(_RIGHT + 14, middle + 14, detail)


def _draw_segment(axis: LinearAxis, segment: Segment, y: float) -> Iterator[Shape]:
    start, end = _place(axis, segment)
    hint = f"{_NAMES[segment.style]}: {format_gib(segment.size_bytes)}"
    yield draw_box(start, y, end - start, _BAR, f"part {segment.style}", hint)


def _write_numbers(axis: LinearAxis, bar: Sequence[Segment], y: float) -> Iterator[Shape]:
    """Write GiB into the segments that are wide enough; the break of a cut bar stays free."""
    for segment in bar:
        start, end = _place(axis, segment)
        if _is_cut(axis, segment):
            end -= _BREAK
        if end - start >= _NARROWEST_LABEL and segment.style != "free":
            number = f"{segment.size_bytes / GIB:,.1f}"
            yield write((start + end) / 2, y + 15, number, f"on-{segment.style}", "middle")


def _is_cut(axis: LinearAxis, segment: Segment) -> bool:
    return segment.end_bytes / GIB > axis.high


def _place(axis: LinearAxis, segment: Segment) -> tuple[float, float]:
    return axis.place(segment.start_bytes / GIB), axis.place(segment.end_bytes / GIB)


def _draw_whisker(axis: LinearAxis, memory: GpuMemory, y: float) -> Iterator[Shape]:
    """Draw between which ends weights and working memory may reach."""
    low = axis.place((memory.weights_bytes + memory.working.total.low_bytes) / GIB)
    high = axis.place((memory.weights_bytes + memory.working.total.high_bytes) / GIB)
    if low >= _RIGHT:
        return
    middle = y + _BAR - 9
    for style in ("whisker-halo", "whisker"):
        yield draw_line(low, middle, high, middle, style)
        yield draw_line(low, middle - 5, low, middle + 5, style)
        yield draw_line(high, middle - 5, high, middle + 5, style)


def _draw_cut(y: float) -> Iterator[Shape]:
    """Break a bar that goes on: a zigzag of the page's colour between two lines."""
    x, heights = _RIGHT - _BREAK + 4, [y - 3 + number * (_BAR + 6) / 4 for number in range(5)]
    left = [(x + 5 * (number % 2), height) for number, height in enumerate(heights)]
    right = [(place + 7, height) for place, height in left]
    yield draw_area([*left, *reversed(right)], "cut")
    yield draw_curve(left, "cut-edge")
    yield draw_curve(right, "cut-edge")
