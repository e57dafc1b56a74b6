"""How far a download is, as the tables of `nemoctl status` show it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from nemotron_operator.api.cache import CacheStatus, DownloadProgress
from nemotron_operator.cli.tables import BAR_WIDTH, BUSY, MISSING, format_seconds, make_text
from nemotron_operator.status.amounts import format_part, format_rate
from nemotron_operator.status.progress import tell_time_left

SMALL_BAR_WIDTH = 10
"""Columns of the bar in a line among others."""


def make_download_rows(progress: DownloadProgress, now: datetime) -> Iterator[RenderableType]:
    """Make a bar, and under it the numbers with their age."""
    yield _draw_bar(progress, BAR_WIDTH)
    amount = format_part(progress.bytes, progress.total_bytes)
    pace = f"{format_rate(progress.bytes_per_second)}, {tell_time_left(progress)}"
    yield make_text(f"{progress.percent} %, {amount}, {pace}{_tell_age(progress, now)}")


def make_cache_cell(cache: CacheStatus | None) -> RenderableType:
    """Make what a line has room for: a small bar with the time left, or one word."""
    if cache is None:
        return MISSING
    if cache.progress is not None:
        row = Table.grid(padding=(0, 1, 0, 0))
        time_left = tell_time_left(cache.progress)
        row.add_row(f"{cache.progress.percent} %", _draw_bar(cache.progress, SMALL_BAR_WIDTH), time_left)
        return row
    if cache.commit is not None:
        return "cached"
    return "provided" if cache.path is not None or cache.image is not None else MISSING


def _draw_bar(progress: DownloadProgress, width: int) -> ProgressBar:
    return ProgressBar(
        total=progress.total_bytes, completed=progress.bytes, width=width, complete_style=BUSY, finished_style=BUSY
    )


def _tell_age(progress: DownloadProgress, now: datetime) -> str:
    try:
        seen = datetime.fromisoformat(progress.observed_at).astimezone(UTC)
    except ValueError:
        return ""
    return f", seen {format_seconds(max(0, int((now - seen).total_seconds())))} ago"
