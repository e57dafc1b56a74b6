"""Progress as it is told on stdout: JSON lines for the operator and the log, a bar for a person."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from nemotron_operator.downloader.progress import Meter

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

LINE_INTERVAL_SECONDS = 5.0
"""How long it is quiet between two lines."""

BAR_INTERVAL_SECONDS = 0.2
"""How long a bar stays as it is."""


@contextmanager
def reported(meter: Meter, stream: TextIO, interval_seconds: float | None = None) -> Iterator[None]:
    """Report to the stream for as long as the context lasts; no line comes afterwards."""
    report = _reported_by_bar if stream.isatty() else _reported_by_lines
    with report(meter, stream, interval_seconds):
        yield


@contextmanager
def _reported_by_lines(meter: Meter, stream: TextIO, interval_seconds: float | None) -> Iterator[None]:
    def tell() -> None:
        print(json.dumps({"progress": meter.read().as_json()}), file=stream, flush=True)

    with _repeated(tell, interval_seconds or LINE_INTERVAL_SECONDS):
        yield


@contextmanager
def _reported_by_bar(meter: Meter, stream: TextIO, interval_seconds: float | None) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TaskProgressColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(None), TaskProgressColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(file=stream), auto_refresh=False) as bar:
        progress = meter.read()
        task = bar.add_task("", total=progress.total_bytes, completed=progress.held_bytes)
        with _repeated(lambda: _draw(bar, task, meter), interval_seconds or BAR_INTERVAL_SECONDS):
            yield
        _draw(bar, task, meter)


def _draw(bar: "Bar", task: "TaskID", meter: Meter) -> None:
    bar.update(task, completed=meter.read().held_bytes, refresh=True)


@contextmanager
def _repeated(act: Callable[[], None], interval_seconds: float) -> Iterator[None]:
    """Act again and again, in a thread, until the context ends."""
    stopped = threading.Event()

    def repeat() -> None:
        while not stopped.wait(interval_seconds):
            act()

    thread = threading.Thread(target=repeat, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
