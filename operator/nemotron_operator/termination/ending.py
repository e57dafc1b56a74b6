"""The last things that a program does: the termination message, the last line of stdout, the exit code."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from nemotron_operator.termination.outcome import EXIT_RETRYABLE, Outcome, render_line

logger = logging.getLogger(__name__)


def add_termination_message_path(parser: argparse.ArgumentParser) -> None:
    """Let the command line say where the termination message goes."""
    parser.add_argument(
        "--termination-message-path",
        default=Path("/dev/termination-log"),
        metavar="FILE",
        type=Path,
        help="where Kubernetes reads the outcome (default: %(default)s)",
    )


def tell(outcome: Outcome, message_path: Path, redact: Callable[[str], str] = str) -> int:
    """Tell the outcome to the termination message and on the last line of stdout; give the exit code.

    Parameters
    ----------
    redact
        Takes secrets out of the line; without one, nothing is taken out.
    """
    line = redact(render_line(outcome))
    try:
        message_path.write_text(line + "\n", encoding="utf-8")
    except OSError as error:  # outside of a pod there is no such place
        logger.warning("The outcome is on stdout only: %s.", error)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return outcome.exit_code


def end_at_once_on_sigterm() -> None:
    """End without cleaning up when Kubernetes asks: the first process of a container ignores the signal otherwise.

    Notes
    -----
    Nothing is lost by it: what arrived so far is what the next run continues with.
    """
    signal.signal(signal.SIGTERM, _end_at_once)


def _end_at_once(_signal: int, _frame: object) -> None:
    os._exit(EXIT_RETRYABLE)
