"""The lines of the report: what was measured, and its figure."""

import statistics
from collections.abc import Sequence


def print_figure(what: str, figure: str) -> None:
    """Print one line at once, so that a person sees how far it is."""
    print(f"{what:<66} {figure:>18}", flush=True)


def print_seconds(what: str, seconds: Sequence[float]) -> None:
    """Print the shortest and the median of several runs."""
    print_figure(what, format_seconds(seconds))


def format_seconds(seconds: Sequence[float]) -> str:
    """Write the shortest and the median of several runs."""
    return f"{min(seconds):.2f} / {statistics.median(seconds):.2f} s"
