import pytest

from tests.bench.table import format_seconds, print_figure


def test_several_runs_are_told_by_the_shortest_and_the_median() -> None:
    assert "1.00 / 2.50 s" == format_seconds([9.0, 2.5, 1.0])


def test_figures_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    print_figure("short", "1 s")
    print_figure("something longer", "10.25 / 20.50 s")
    first, second = capsys.readouterr().out.splitlines()
    assert len(first) == len(second)
