"""Patience: how often an origin is asked again, and after what pause.

The hub's client has a patience of its own for a part of its requests; it does not hear of a cut in the middle of an
answer, of a connection that drips, or of the one budget that a whole run has.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nemotron_operator.downloader.errors import UnavailableError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """When to ask again, and when to leave it to the next run."""

    attempts: int = 8
    """After how many attempts in a row that brought nothing to give up."""

    first_pause_seconds: float = 0.5
    """The pause after an attempt that brought something. Each one that brings nothing doubles it."""

    longest_pause_seconds: float = 60.0
    """What it does not grow beyond."""

    longest_retry_after_seconds: float = 600.0
    """The longest pause that an origin may ask for: a hub counts requests over five minutes. Longer ones are left to
    the Job, which does not hold a pod for them."""

    def pause_seconds(self, failures: int, jitter: float) -> float:
        """Give the pause after so many attempts in a row that brought nothing.

        Parameters
        ----------
        jitter
            Between 0 and 1: two runs that failed together shall not come back together.
        """
        grown = self.first_pause_seconds * 2.0 ** min(failures, 30)
        return min(grown, self.longest_pause_seconds) * (0.5 + jitter / 2)


def persist(
    attempt: Callable[[], Result],
    measure: Callable[[], int],
    patience: Patience,
    wait: Callable[[float], object],
    jitter: Callable[[], float] = random.random,
) -> Result:
    """Attempt until it succeeds, fails for good, or fails too often in a row without a new byte.

    Parameters
    ----------
    measure
        Says how many bytes are there.
    wait
        Waits for so many seconds.

    Raises
    ------
    UnavailableError
        Patience is over: the last cause.
    """
    failures, held_bytes = 0, measure()
    while True:
        try:
            return attempt()
        except UnavailableError as error:
            before, held_bytes = held_bytes, measure()
            failures = 0 if held_bytes > before and error.counts_progress else failures + 1
            asked_seconds = error.retry_after_seconds or 0.0
            if failures >= patience.attempts or asked_seconds > patience.longest_retry_after_seconds:
                raise
            pause_seconds = max(asked_seconds, patience.pause_seconds(failures, jitter()))
            logger.warning("%s Asking again in %.1f s.", error.cause, pause_seconds)
        wait(pause_seconds)
