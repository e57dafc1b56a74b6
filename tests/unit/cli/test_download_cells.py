from datetime import UTC, datetime

import pytest

from nemotron_operator.api.cache import CacheStatus, DownloadProgress
from nemotron_operator.cli.download_cells import make_cache_cell, make_download_rows
from nemotron_operator.cli.tables import add_field, make_fields_table, make_lines_table, print_lines, print_page

NOW = datetime(2026, 11, 24, 8, 0, 5, tzinfo=UTC)

HALF = DownloadProgress(
    bytes=36_342_500_000,
    total_bytes=72_685_000_000,
    percent=50,
    bytes_per_second=480_000_000,
    eta_seconds=75,
    observed_at="2026-11-24T08:00:00Z",
)


def show_page(progress: DownloadProgress, capsys: pytest.CaptureFixture[str]) -> list[str]:
    table = make_fields_table()
    for row in make_download_rows(progress, NOW):
        add_field(table, "Download", row)
    print_page(table)
    return [line.removeprefix("Download").strip() for line in capsys.readouterr().out.splitlines()]


def show_cell(cache: CacheStatus | None, capsys: pytest.CaptureFixture[str]) -> str:
    table = make_lines_table("cache", "model")
    table.add_row(make_cache_cell(cache), "org/model")
    print_lines(table)
    return capsys.readouterr().out.splitlines()[1].removesuffix("org/model").rstrip()


def test_a_download_is_a_bar_over_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    bar, numbers = show_page(HALF, capsys)
    assert "━" * 17 == bar
    assert "50 %, 36.3 of 72.7 GB, 480 MB/s, about 75 s left, seen 5 s ago" == numbers


def test_a_download_at_which_nothing_arrives_has_no_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    halted = HALF.model_copy(update={"bytes_per_second": 0, "eta_seconds": None})
    assert "50 %, 36.3 of 72.7 GB, 0.0 MB/s, time left unknown, seen 5 s ago" == show_page(halted, capsys)[1]


def test_a_time_that_cannot_be_read_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    odd = HALF.model_copy(update={"observed_at": "yesterday"})
    assert show_page(odd, capsys)[1].endswith("about 75 s left")


def test_a_line_has_a_small_bar_with_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert "50 % ━━━━━      about 75 s left" == show_cell(CacheStatus(claim_name="model-x", progress=HALF), capsys)


@pytest.mark.parametrize(
    ("cache", "word"),
    [
        (None, "-"),
        (CacheStatus(claim_name="model-x"), "-"),
        (CacheStatus(claim_name="model-x", commit="c0", path="c0"), "cached"),
        (CacheStatus(claim_name="models", path="llama/70b"), "provided"),
        (CacheStatus(image="registry.example.com/models/nemotron:1"), "provided"),
    ],
)
def test_weights_without_a_download_are_one_word(
    cache: CacheStatus | None, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert word == show_cell(cache, capsys)
