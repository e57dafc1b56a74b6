"""The command line of the cache Job: arguments in, one JSON line and an exit code out."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from nemotron_operator.downloader.access import ENDPOINT_VARIABLE, HubAccess
from nemotron_operator.downloader.download import Request, download
from nemotron_operator.downloader.errors import DownloadError, Reason
from nemotron_operator.downloader.outcome import Complete, Failed, Outcome, render_line
from nemotron_operator.downloader.secret import TOKEN_VARIABLE, read_token, redact, redacted_log
from nemotron_operator.downloader.selection import DEFAULT_PATTERNS

EXIT_COMPLETE = 0
"""The commit is published."""

EXIT_TERMINAL = 3
"""A person has to change something first: the Job's podFailurePolicy must not run the pod again."""

EXIT_RETRYABLE = 75
"""Trying again may help (EX_TEMPFAIL of sysexits)."""

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Download, and tell the outcome to the termination message and on the last line of stdout."""
    options = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, _end_at_once)
    token = os.environ.get(TOKEN_VARIABLE, "").strip() or None
    with redacted_log(sys.stderr, token):
        outcome = run(options)
        line = redact(render_line(outcome), token)
        _write_termination_message(options.termination_message_path, line)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return exit_code(outcome)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="nemotron-download",
        description="Download a model's repository onto a volume, verify every file, publish all at once.",
        epilog=f"Environment: {TOKEN_VARIABLE} is the hub's token, {ENDPOINT_VARIABLE} the address of a mirror. "
        f"Exit codes: {EXIT_COMPLETE} published, {EXIT_TERMINAL} a person has to act, {EXIT_RETRYABLE} try again.",
    )
    parser.add_argument("--repository", required=True, metavar="ORG/NAME")
    parser.add_argument("--revision", required=True, metavar="REV", help="a commit, branch or tag")
    parser.add_argument("--destination", required=True, metavar="DIR", type=Path, help="a directory on the volume")
    parser.add_argument(
        "--allow-pattern",
        action="extend",
        nargs="+",
        default=[],
        metavar="GLOB",
        dest="extra_patterns",
        help=f"also fetch these files. Always fetched: {' '.join(DEFAULT_PATTERNS)}",
    )
    parser.add_argument(
        "--termination-message-path",
        default=Path("/dev/termination-log"),
        metavar="FILE",
        type=Path,
        help="where Kubernetes reads the outcome (default: %(default)s)",
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> Outcome:
    """Download, and turn every exception into an outcome."""
    try:
        access = HubAccess(options.repository, read_token(os.environ), os.environ.get(ENDPOINT_VARIABLE) or None)
        return download(Request(access, options.revision, options.destination, tuple(options.extra_patterns)))
    except DownloadError as error:
        logger.error("%s: %s", error.reason.value, error.message)  # noqa: TRY400 - the message says all, a trace hides it
        return Failed.from_error(error)
    except Exception as error:
        logger.exception("The download failed for a cause that nobody foresaw.")
        message = f"{type(error).__name__}: {error}. The pod's log has the traceback."
        return Failed(Reason.UNEXPECTED, message, retryable=True)


def exit_code(outcome: Outcome) -> int:
    """Tell Kubernetes by a number whether to run the pod again."""
    if isinstance(outcome, Complete):
        return EXIT_COMPLETE
    return EXIT_RETRYABLE if outcome.retryable else EXIT_TERMINAL


def _write_termination_message(path: Path, line: str) -> None:
    """Write the line where Kubernetes looks for it; outside of a pod there is no such place."""
    try:
        path.write_text(line + "\n", encoding="utf-8")
    except OSError as error:
        logger.warning("The outcome is on stdout only: %s.", error)


def _end_at_once(_signal: int, _frame: object) -> None:
    """End without cleaning up: what arrived so far is what the next run continues with."""
    os._exit(EXIT_RETRYABLE)


if __name__ == "__main__":
    sys.exit(main())
