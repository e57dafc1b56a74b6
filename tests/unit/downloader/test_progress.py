import io
import itertools
import json
import threading

from typing_extensions import override

from nemotron_operator.downloader.progress import Progress, reported


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def report_twice(stream: io.StringIO) -> list[str]:
    """Report 0 bytes first, then 50, then more than there are."""
    sizes = itertools.chain([0, 50, 120], itertools.repeat(120))
    measured_often_enough = threading.Event()

    def measure() -> int:
        size = next(sizes)
        if stream.getvalue().count("\n") >= 2:
            measured_often_enough.set()
        return size

    with reported(measure, 100, stream, interval_seconds=0.001):
        assert measured_often_enough.wait(10)
    return stream.getvalue().splitlines()


def test_progress_is_json_for_the_operator() -> None:
    first, second = (json.loads(line)["progress"] for line in report_twice(io.StringIO())[:2])
    assert {"bytes", "totalBytes", "percent", "bytesPerSecond", "etaSeconds"} == set(first)
    assert (50, 100, 50) == (first["bytes"], first["totalBytes"], first["percent"])
    assert first["bytesPerSecond"] > 0
    assert (100, 100, 0) == (second["bytes"], second["percent"], second["etaSeconds"])


def test_progress_is_a_sentence_for_a_person() -> None:
    assert report_twice(Terminal())[0].startswith("50% (50/100 bytes, ")


def test_no_line_comes_before_the_interval_has_passed_or_after_the_end() -> None:
    stream = io.StringIO()
    with reported(lambda: 1, 2, stream, interval_seconds=3600):
        pass
    assert "" == stream.getvalue()


def test_the_time_left_is_unknown_while_nothing_arrives() -> None:
    assert None is Progress(held_bytes=5, total_bytes=10, bytes_per_second=0).eta_seconds
    assert 5 == Progress(held_bytes=5, total_bytes=10, bytes_per_second=1).eta_seconds


def test_a_download_is_not_at_a_hundred_percent_before_its_last_byte() -> None:
    assert 99 == Progress(held_bytes=999, total_bytes=1000, bytes_per_second=1).percent
    assert 100 == Progress(held_bytes=0, total_bytes=0, bytes_per_second=0).percent
