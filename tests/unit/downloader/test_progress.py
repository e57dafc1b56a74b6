from nemotron_operator.downloader.progress import RATE_SECONDS, Meter, Progress


class Clock:
    """A clock that a test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_meter_reads_what_is_there_and_never_more_than_there_will_be() -> None:
    held = [10]
    clock = Clock()
    meter = Meter(lambda: held[0], 100, clock)
    held[0], clock.seconds = 50, 4.0
    assert Progress(held_bytes=50, total_bytes=100, bytes_per_second=10) == meter.read()
    held[0], clock.seconds = 120, 6.0
    assert Progress(held_bytes=100, total_bytes=100, bytes_per_second=15) == meter.read()


def test_the_rate_forgets_what_is_long_ago() -> None:
    held = [0]
    clock = Clock()
    meter = Meter(lambda: held[0], 10_000, clock)
    held[0], clock.seconds = 3000, RATE_SECONDS
    assert 100 == meter.read().bytes_per_second
    clock.seconds = 2 * RATE_SECONDS
    assert 0 == meter.read().bytes_per_second
    held[0], clock.seconds = 3060, 3 * RATE_SECONDS
    assert 2 == meter.read().bytes_per_second


def test_what_vanishes_is_no_negative_rate() -> None:
    held = [50]
    clock = Clock()
    meter = Meter(lambda: held[0], 100, clock)
    held[0], clock.seconds = 20, 1.0
    assert Progress(held_bytes=20, total_bytes=100, bytes_per_second=0) == meter.read()


def test_a_reading_at_the_moment_of_the_first_has_no_rate() -> None:
    assert 0 == Meter(lambda: 5, 10, Clock()).read().bytes_per_second


def test_the_time_left_is_unknown_while_nothing_arrives() -> None:
    assert None is Progress(held_bytes=5, total_bytes=10, bytes_per_second=0).eta_seconds
    assert 5 == Progress(held_bytes=5, total_bytes=10, bytes_per_second=1).eta_seconds


def test_a_download_is_not_at_a_hundred_percent_before_its_last_byte() -> None:
    assert 99 == Progress(held_bytes=999, total_bytes=1000, bytes_per_second=1).percent
    assert 100 == Progress(held_bytes=0, total_bytes=0, bytes_per_second=0).percent


def test_the_operator_reads_these_fields() -> None:
    assert {"bytes": 50, "totalBytes": 100, "percent": 50, "bytesPerSecond": 10, "etaSeconds": 5} == Progress(
        held_bytes=50, total_bytes=100, bytes_per_second=10
    ).as_json()
