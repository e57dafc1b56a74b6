import json

import pytest

from nemotron_operator.downloader.errors import DownloadError, HubUnavailableError, NoSpaceError, Reason
from nemotron_operator.downloader.main import EXIT_RETRYABLE, EXIT_TERMINAL, exit_code
from nemotron_operator.downloader.outcome import LINE_LIMIT_BYTES, Failed, render_line


@pytest.mark.parametrize("message", ["x" * 10_000, "ä\n" * 3_000, '"' * 4_000, "\U0001f600" * 2_000])
def test_a_long_message_is_cut_so_that_the_line_fits(message: str) -> None:
    line = render_line(Failed(Reason.UNEXPECTED, message, retryable=True))
    assert len(line.encode()) <= LINE_LIMIT_BYTES
    assert "\n" not in line
    outcome = json.loads(line)
    assert "Unexpected" == outcome["reason"]
    assert outcome["message"].endswith("...")


def test_a_short_message_is_whole() -> None:
    line = render_line(Failed.from_error(NoSpaceError("too small")))
    assert {"outcome": "Failed", "reason": "NoSpace", "message": "too small", "retryable": False} == json.loads(line)


def test_only_an_unavailable_hub_is_tried_again() -> None:
    retryable = [error for error in DownloadError.__subclasses__() if error.retryable]
    assert [HubUnavailableError] == retryable


def test_every_reason_but_the_unexpected_one_has_an_error() -> None:
    assert set(Reason) - {Reason.UNEXPECTED} == {error.reason for error in DownloadError.__subclasses__()}


def test_the_exit_code_says_whether_to_try_again() -> None:
    assert 75 == EXIT_RETRYABLE == exit_code(Failed(Reason.HUB_UNAVAILABLE, "", retryable=True))
    assert 3 == EXIT_TERMINAL == exit_code(Failed(Reason.NO_SPACE, "", retryable=False))
