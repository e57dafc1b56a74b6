import pytest

from nemotron_operator.status.amounts import format_part, format_rate, format_size, format_time_left


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(0, "0.0 MB"), (600_000, "0.6 MB"), (100_000_000, "0.1 GB"), (72_685_000_000, "72.7 GB")]
)
def test_a_size_has_the_unit_of_files(size_bytes: int, text: str) -> None:
    assert text == format_size(size_bytes)


def test_a_part_has_the_unit_of_the_whole() -> None:
    assert "0.0 of 72.7 GB" == format_part(600_000, 72_685_000_000)
    assert "0.6 of 3.0 MB" == format_part(600_000, 3_000_000)


@pytest.mark.parametrize(
    ("bytes_per_second", "text"),
    [(0, "0.0 MB/s"), (400_000, "0.4 MB/s"), (48_600_000, "49 MB/s"), (1_400_000_000, "1.4 GB/s")],
)
def test_a_rate_has_two_or_three_digits(bytes_per_second: int, text: str) -> None:
    assert text == format_rate(bytes_per_second)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (121, "3 min"),
        (7140, "119 min"),
        (7141, "2 h"),
        (7261, "2 h 2 min"),
        (172_799, "48 h"),
        (172_800, "2 days"),
        (172_801, "3 days"),
    ],
)
def test_a_time_left_is_rounded_up(seconds: int, text: str) -> None:
    assert text == format_time_left(seconds)
