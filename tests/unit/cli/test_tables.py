import sys

import pytest
from rich.text import Text

from nemotron_operator.cli.tables import Bar, format_count, format_seconds, print_page


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


def test_a_bar_without_room_is_empty() -> None:
    assert "" == Bar(0, 100, "").draw(0, "#")
