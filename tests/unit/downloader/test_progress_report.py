import io
import itertools
import json
import threading

from typing_extensions import override

from nemotron_operator.downloader.progress import Meter
from nemotron_operator.downloader.progress_report import reported


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def test_progress_is_json_for_the_operator() -> None:
    stream = io.StringIO()
    sizes = itertools.chain([0, 50, 120], itertools.repeat(120))
    measured_often_enough = threading.Event()

    def measure() -> int:
        if stream.getvalue().count("\n") >= 2:
            measured_often_enough.set()
        return next(sizes)

    with reported(Meter(measure, 100), stream, interval_seconds=0.001):
        assert measured_often_enough.wait(10)
    first, second = (json.loads(line)["progress"] for line in stream.getvalue().splitlines()[:2])
    assert {"bytes", "totalBytes", "percent", "bytesPerSecond", "etaSeconds"} == set(first)
    assert (50, 100, 50) == (first["bytes"], first["totalBytes"], first["percent"])
    assert first["bytesPerSecond"] > 0
    assert (100, 100, 0) == (second["bytes"], second["percent"], second["etaSeconds"])


def test_progress_is_a_bar_for_a_person_which_ends_where_the_download_did() -> None:
    stream = Terminal()
    sizes = iter([0, 250_000_000])
    with reported(Meter(lambda: next(sizes, 500_000_000), 500_000_000), stream, interval_seconds=3600):
        pass
    last = stream.getvalue().rstrip().rsplit("\r", 1)[-1]
    assert "100%" in last
    assert "500.0/500.0 MB" in last


def test_no_line_comes_before_the_interval_has_passed_or_after_the_end() -> None:
    stream = io.StringIO()
    with reported(Meter(lambda: 1, 2), stream, interval_seconds=3600):
        pass
    assert "" == stream.getvalue()
