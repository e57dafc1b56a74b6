"""What every program does around its work: log to a person, and turn every exception into an outcome."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from nemotron_operator.termination.errors import UNEXPECTED, ExplainedError
from nemotron_operator.termination.outcome import Failed, Outcome

FORM = "%(asctime)s %(levelname)s %(message)s"
"""A line of the log."""


class Stream(Protocol):
    """Where log lines go."""

    def write(self, text: str, /) -> object:
        """Take a line."""


@contextmanager
def logged_to(stream: Stream, target: logging.Logger, form: str = FORM) -> Iterator[None]:
    """Log to the stream for as long as the context lasts: our own lines from INFO on, of others warnings only.

    Parameters
    ----------
    target
        Whose lines come to the stream.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(form))
    ours = logging.getLogger("nemotron_operator")
    level = ours.level
    ours.setLevel(logging.INFO)
    target.addHandler(handler)
    try:
        yield
    finally:
        target.removeHandler(handler)
        ours.setLevel(level)


def conclude(work: Callable[[], Outcome], logger: logging.Logger, what: str) -> Outcome:
    """Do the work, and tell how it ended, whatever it raises.

    Parameters
    ----------
    what
        What fails, as the log names it where nobody foresaw why.
    """
    try:
        return work()
    except ExplainedError as error:
        logger.error("%s: %s", str(error.reason), error.message)  # noqa: TRY400 - the message says all, a trace hides it
        return Failed.from_error(error)
    except Exception as error:
        logger.exception("%s failed for a cause that nobody foresaw.", what)
        message = f"{type(error).__name__}: {error}. The pod's log has the traceback."
        return Failed(UNEXPECTED, message, retryable=True)
