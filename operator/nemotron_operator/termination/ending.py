"""The last things that a program does: the termination message, the last line of stdout, the exit code."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
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
    _end_on(signal.SIGTERM, lambda: os._exit(EXIT_RETRYABLE))


def end_at_once_on_ctrl_c(sentence: str) -> None:
    """End with a sentence for the person who pressed it, and wait for no connection that stands still.

    Notes
    -----
    Python's own answer is a traceback, and threads that it waits for: a minute where a server sends nothing.
    """

    def end() -> None:
        for stream, text in ((sys.stdout, SHOW_CURSOR if sys.stdout.isatty() else ""), (sys.stderr, f"\n{sentence}\n")):
            with suppress(OSError):  # nobody may read it any more
                os.write(stream.fileno(), text.encode())
        os._exit(EXIT_INTERRUPTED)

    _end_on(signal.SIGINT, end)


def _end_on(number: signal.Signals, end: Callable[[], None]) -> None:
    """Let a thread hear a signal and end the process, whatever the other threads do.

    Notes
    -----
    A handler would run in the main thread alone. Where the signal came just before that began to wait, for a lock or
    for other threads, it would be heard when the wait is over. Programs that are started later inherit that the signal
    is blocked; the programs of the Jobs start none.
    """

    def hear() -> None:
        signal.sigwait({number})
        end()

    # The thread begins with every signal blocked, so that it hears its own alone, and takes no other from the rest.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    threading.Thread(target=hear, name=f"hears-{number.name}", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_SETMASK, {*before, number})
