import json

import pytest

from nemotron_operator.termination.errors import ExplainedError
from nemotron_operator.termination.outcome import (
    EXIT_RETRYABLE,
    EXIT_TERMINAL,
    LINE_LIMIT_BYTES,
    Failed,
    render_line,
)


class FullError(ExplainedError):
    reason = "NoSpace"


@pytest.mark.parametrize("message", ["x" * 10_000, "ä\n" * 3_000, '"' * 4_000, "\U0001f600" * 2_000])
def test_a_long_message_is_cut_so_that_the_line_fits(message: str) -> None:
    line = render_line(Failed("Unexpected", message, retryable=True))
    assert len(line.encode()) <= LINE_LIMIT_BYTES
    assert "\n" not in line
    outcome = json.loads(line)
    assert "Unexpected" == outcome["reason"]
    assert outcome["message"].endswith("...")


@pytest.mark.parametrize("letter", ["x", "ä", "\U0001f600"])
def test_as_much_of_a_long_message_stays_as_there_is_room_for(letter: str) -> None:
    line = render_line(Failed("Unexpected", letter * 5_000, retryable=True))
    assert LINE_LIMIT_BYTES - len(json.dumps(letter)) <= len(line) <= LINE_LIMIT_BYTES


def test_a_short_message_is_whole() -> None:
    line = render_line(Failed.from_error(FullError("too small")))
    assert {"outcome": "Failed", "reason": "NoSpace", "message": "too small", "retryable": False} == json.loads(line)


def test_the_exit_code_says_whether_to_try_again() -> None:
    assert 75 == EXIT_RETRYABLE == Failed("HubUnavailable", "", retryable=True).exit_code
    assert 3 == EXIT_TERMINAL == Failed("NoSpace", "", retryable=False).exit_code
