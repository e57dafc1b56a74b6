"""What the tables have in common: one way to print, and numbers as people read them."""

import os
import sys
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nemotron_operator.cli.messages import make_printable
from nemotron_operator.units import GIB, MIB

PAGE_WIDTH = 120
"""Columns of a page that is read in a log or a file."""

UNFOLDED_WIDTH = 10_000
"""Columns of a table whose lines are never folded."""

BAR_WIDTH = 34
"""Widest bar, in columns, the arrow included."""

MORE = " >"
"""The arrow of a bar that does not end."""

MISSING = "-"
"""Stands for what there is not."""

_THOUSAND, _MILLION = 1000, 1_000_000

KIB = 1024

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60

GOOD, BAD, BUSY, QUIET = "green", "red", "yellow", "dim"
"""Colours by meaning."""


def print_page(*parts: RenderableType) -> None:
    """Print something to read, folded to the terminal's width; a pipe or NO_COLOR gets plain text."""
    has_width = sys.stdout.isatty() or os.environ.get("COLUMNS")
    _print(_make_console(None if has_width else PAGE_WIDTH), *parts)


def print_lines(*parts: RenderableType) -> None:
    """Print a table of whole lines, however narrow the terminal is."""
    _print(_make_console(UNFOLDED_WIDTH), *parts)


def _make_console(width: int | None) -> Console:
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return Console(
        color_system="auto" if is_coloured else None, width=width, emoji=False, highlight=False, markup=False
    )


def _print(console: Console, *parts: RenderableType) -> None:
    """Print without the blanks with which a table fills its last column."""
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    sys.stdout.write("".join(f"{line.rstrip(' ')}\n" for line in capture.get().splitlines()))


def make_lines_table(*headers: str) -> Table:
    """Make a table of one line for each thing, as kubectl prints them."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header.upper() if header.islower() else header, no_wrap=True)
    return table


def make_fields_table() -> Table:
    """Make a table of names and values."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=QUIET, no_wrap=True)
    table.add_column(overflow="fold")
    return table


def add_field(table: Table, name: str, value: RenderableType) -> None:
    """Add a name and its value."""
    table.add_row(name, value)


def indent(part: RenderableType) -> Padding:
    """Set something under a title."""
    return Padding(part, (0, 0, 0, 2))


def make_text(text: str, style: str = "") -> Text:
    """Make text of what may have come from anywhere."""
    return Text(make_printable(text), style=style)


def format_gib(count_bytes: int) -> str:
    """Write bytes in GiB, as messages do."""
    return f"{count_bytes / GIB:.2f} GiB"


def format_count(count: int, singular: str, plural: str | None = None) -> str:
    """Write a number with its noun."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def format_bytes_short(count_bytes: int) -> str:
    """Write bytes that may be few, such as the KV cache of one token."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count_bytes >= unit:
            return f"{count_bytes / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{count_bytes} B"


def format_seconds(seconds: int) -> str:
    """Write a duration in its two largest units."""
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return _join_units(seconds, (MINUTE, "min"), (1, "s"))
    if seconds < DAY:
        return _join_units(seconds, (HOUR, "h"), (MINUTE, "min"))
    return _join_units(seconds, (DAY, "d"), (HOUR, "h"))


def _join_units(seconds: int, large: tuple[int, str], small: tuple[int, str]) -> str:
    whole, rest = divmod(seconds, large[0])
    few = rest // small[0]
    return f"{whole} {large[1]}" + (f" {few} {small[1]}" if few else "")


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of a whole as a bar that gives way where the terminal is narrow; an arrow means more than the whole."""

    part: int
    whole: int
    style: str
    start: int = 0
    """Where the bar begins, in the unit of the whole: bars under each other add up as steps do."""

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(BAR_WIDTH, options.max_width)
        yield Text(self.draw(width, "#" if options.ascii_only else "█"), self.style, no_wrap=True, overflow="crop")

    def __rich_measure__(self, _console: Console, _options: ConsoleOptions) -> Measurement:
        return Measurement(len(MORE), BAR_WIDTH)

    def draw(self, width: int, cell: str) -> str:
        """Draw at most `width` cells, and a sliver of what is little."""
        if not self.part:
            return ""
        cells = max(0, width - len(MORE))
        end = self.start + self.part
        first = min(self._scale(self.start, cells), max(0, cells - 1))
        drawn = max(min(self._scale(end, cells), cells) - first, min(1, cells))
        return " " * first + cell * drawn + (MORE if end > self.whole else "")

    def _scale(self, position: int, cells: int) -> int:
        return round(cells * position / self.whole)


def format_tokens(tokens: int) -> str:
    """Write a context as people name it: 131072 is 131k, 1048576 is 1.05M."""
    if tokens < _THOUSAND:
        return str(tokens)
    return f"{tokens // _THOUSAND}k" if tokens < _MILLION else f"{tokens / _MILLION:.2f}M"
