import pytest

from nemotron_operator.downloader.errors import HubUnavailableError, RevisionNotFoundError, TooSlowError
from nemotron_operator.downloader.patience import Patience, persist

PATIENCE = Patience(attempts=4, first_pause_seconds=1, longest_pause_seconds=10, longest_retry_after_seconds=100)


class Story:
    """Attempts that end one after the other as they are told: an error, or the bytes that are there by then."""

    def __init__(self, *ends: tuple[int, Exception | None]) -> None:
        self._ends = list(ends)
        self.held_bytes = 0
        self.pauses: list[float] = []

    def attempt(self) -> str:
        self.held_bytes, error = self._ends.pop(0)
        if error is not None:
            raise error
        return "done"

    def run(self, patience: Patience = PATIENCE, jitter: float = 1.0) -> str:
        return persist(self.attempt, lambda: self.held_bytes, patience, self.pauses.append, lambda: jitter)


def unavailable(retry_after_seconds: float | None = None) -> HubUnavailableError:
    return HubUnavailableError("busy", retry_after_seconds)


def test_the_pause_doubles_while_nothing_comes_up_to_a_bound() -> None:
    story = Story(*[(0, unavailable())] * 6, (9, None))
    assert "done" == story.run(Patience(attempts=9, first_pause_seconds=1, longest_pause_seconds=10))
    assert [2, 4, 8, 10, 10, 10] == story.pauses


def test_attempts_that_bring_something_may_go_on_for_ever() -> None:
    story = Story(*[(n, unavailable()) for n in range(1, 100)], (100, None))
    assert "done" == story.run()
    assert {1} == set(story.pauses)


def test_patience_is_over_after_so_many_attempts_in_a_row_that_bring_nothing() -> None:
    story = Story((0, unavailable()), (0, unavailable()), (5, unavailable()), *[(5, unavailable())] * 9)
    with pytest.raises(HubUnavailableError):
        story.run()
    assert [2, 4, 1, 2, 4, 8] == story.pauses


def test_what_is_there_from_an_earlier_run_is_nothing_new() -> None:
    story = Story(*[(5, unavailable())] * 9)
    story.held_bytes = 5
    with pytest.raises(HubUnavailableError):
        story.run()
    assert 3 == len(story.pauses)


def test_a_connection_that_drips_counts_as_one_that_brings_nothing() -> None:
    story = Story(*[(n, TooSlowError("drips")) for n in range(1, 10)])
    with pytest.raises(TooSlowError):
        story.run()
    assert 3 == len(story.pauses)


def test_the_origin_is_left_alone_as_long_as_it_asks() -> None:
    story = Story((0, unavailable(55)), (0, unavailable(100)), (0, None))
    assert "done" == story.run()
    assert [55, 100] == story.pauses


def test_an_origin_that_asks_for_too_long_is_left_to_the_next_run() -> None:
    story = Story((0, unavailable(101)))
    with pytest.raises(HubUnavailableError):
        story.run()
    assert [] == story.pauses


def test_what_a_person_has_to_change_is_not_tried_again() -> None:
    story = Story((0, RevisionNotFoundError("gone")))
    with pytest.raises(RevisionNotFoundError):
        story.run()
    assert [] == story.pauses


def test_two_runs_that_failed_together_do_not_come_back_together() -> None:
    pauses = [PATIENCE.pause_seconds(2, jitter) for jitter in (0.0, 0.5, 1.0)]
    assert [2, 3, 4] == pauses


def test_the_pause_after_very_many_failures_is_the_longest() -> None:
    assert 10 == PATIENCE.pause_seconds(100_000, 1.0)
