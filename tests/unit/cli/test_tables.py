import sys

import pytest
from rich.text import Text

from nemotron_operator.cli.tables import Bar, format_bytes_short, format_count, format_seconds, print_page


@pytest.mark.parametrize(
    ("is_terminal", "no_color", "expected"),
    [
        (True, "", "\x1b[1;32mfits\x1b[0m\n"),
        (True, "1", "fits\n"),
        (False, "", "fits\n"),
        (False, "1", "fits\n"),
    ],
)
def test_only_a_terminal_without_no_color_gets_colour(
    is_terminal: bool,  # noqa: FBT001 - a row of the table
    no_color: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    print_page(Text("fits", "bold green"))
    assert expected == capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (527, "8 min 47 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (86_400, "1 d"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: int, expected: str) -> None:
    assert expected == format_seconds(seconds)


@pytest.mark.parametrize(("count", "expected"), [(0, "0 GPUs"), (1, "1 GPU"), (1_509_392, "1,509,392 GPUs")])
def test_a_count_agrees_with_its_noun(count: int, expected: str) -> None:
    assert expected == format_count(count, "GPU")


@pytest.mark.parametrize(
    ("part", "expected"),
    [(0, ""), (1, "#"), (50, "#" * 5), (100, "#" * 10), (101, "#" * 10 + " >"), (1000, "#" * 10 + " >")],
)
def test_a_bar_shows_its_share(part: int, expected: str) -> None:
    assert expected == Bar(part, 100, "").draw(12, "#")


@pytest.mark.parametrize(
    ("start", "part", "expected"),
    [
        (20, 30, "  ###"),
        (50, 50, "     #####"),
        (20, 1, "  #"),
        (99, 1, "         #"),
        (100, 0, "         "),
        (50, 60, "     ##### >"),
        (300, 50, "         # >"),
    ],
)
def test_a_bar_begins_where_the_one_before_ends(start: int, part: int, expected: str) -> None:
    assert expected.rstrip() == Bar(part, 100, "", start).draw(12, "#").rstrip()


def test_bars_under_each_other_leave_no_gap_and_do_not_overlap() -> None:
    first, second = Bar(37, 100, "").draw(36, "#"), Bar(41, 100, "", 37).draw(36, "#")
    assert len(first) == len(second) - len(second.lstrip())


@pytest.mark.parametrize(
    ("count_bytes", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (327_680, "320 KiB"), (143_589_376, "136.9 MiB"), (2 * 1024**3, "2 GiB")],
)
def test_few_bytes_are_told_in_their_own_unit(count_bytes: int, expected: str) -> None:
    assert expected == format_bytes_short(count_bytes)


def test_a_bar_without_room_is_empty() -> None:
    assert "" == Bar(0, 100, "").draw(0, "#")
