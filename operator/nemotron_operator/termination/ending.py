"""The last things that a program does: the termination message, the last line of stdout, the exit code."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from nemotron_operator.termination.outcome import EXIT_INTERRUPTED, EXIT_RETRYABLE, Outcome, render_line

logger = logging.getLogger(__name__)

SHOW_CURSOR = "\x1b[?25h"
"""What a terminal needs to hear after a progress bar that was not ended."""


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
        Takes secrets out of the texts and of the line; without one, nothing is taken out.
    """
    # Before the line is cut too: of a secret that was cut, nothing could be recognised.
    line = redact(render_line(outcome.redacted(redact)))
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


def end_at_once_on_ctrl_c(sentence: str) -> None:
    """End with a sentence for the person who pressed it, and wait for no connection that stands still.

    Notes
    -----
    Python's own answer is a traceback, and threads that it waits for: a minute where a server sends nothing.
    """

    def end(_signal: int, _frame: object) -> None:
        for stream, text in ((sys.stdout, SHOW_CURSOR if sys.stdout.isatty() else ""), (sys.stderr, f"\n{sentence}\n")):
            os.write(stream.fileno(), text.encode())
        os._exit(EXIT_INTERRUPTED)

    signal.signal(signal.SIGINT, end)


def _end_at_once(_signal: int, _frame: object) -> None:
    os._exit(EXIT_RETRYABLE)
