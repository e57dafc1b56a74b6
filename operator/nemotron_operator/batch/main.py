"""The command line of `nemotron-batch`: arguments in, one JSON line and an exit code out."""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from nemotron_operator.batch.api_key import API_KEY_VARIABLE, RedactedStream, find_api_key, read_api_key, redact
from nemotron_operator.batch.errors import NoSpaceError
from nemotron_operator.batch.outcome import Complete
from nemotron_operator.batch.place import Place
from nemotron_operator.batch.prepare import prepare
from nemotron_operator.batch.receive import receive
from nemotron_operator.batch.results import write_results
from nemotron_operator.batch.send import Sending, send
from nemotron_operator.batch.server import Server
from nemotron_operator.termination.ending import add_termination_message_path, end_at_once_on_sigterm, tell
from nemotron_operator.termination.outcome import EXIT_COMPLETE, EXIT_RETRYABLE, EXIT_TERMINAL, Outcome, render_line
from nemotron_operator.termination.running import conclude, logged_to

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked, and tell the outcome to the termination message and on the last line of stdout."""
    options = parse_arguments(arguments)
    end_at_once_on_sigterm()
    api_key = find_api_key(os.environ)
    with logged_to(RedactedStream(sys.stderr, api_key), logging.getLogger("nemotron_operator")):
        outcome = run(options)
        if options.command == "results":  # stdout is for the results
            sys.stderr.write(render_line(outcome) + "\n")
            return outcome.exit_code
        return tell(outcome, options.termination_message_path, lambda text: redact(text, api_key))


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="nemotron-batch",
        description="Keep a batch of requests on a volume, with what was answered.",
        epilog=f"Environment: {API_KEY_VARIABLE} is the server's API key. Exit codes: {EXIT_COMPLETE} done, "
        f"{EXIT_TERMINAL} a person has to act, {EXIT_RETRYABLE} try again.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    receiving = commands.add_parser("receive", help="take the requests from stdin")
    receiving.add_argument("--sha256", required=True, metavar="HEX", help="what is sent, as a whole")
    preparing = commands.add_parser("prepare", help="leave out what was answered, for the next attempt")
    sending = commands.add_parser("send", help="send what is left to a running server, as far as it has room")
    sending.add_argument("--base-url", required=True, metavar="URL", help="the OpenAI-compatible API, up to /v1")
    sending.add_argument(
        "--trusted-certificates",
        type=Path,
        metavar="DIR",
        help="a directory with ca.crt or tls.crt (default: public CAs)",
    )
    sending.add_argument(
        "--concurrency", default=64, type=int, metavar="N", help="most requests at a time (default: %(default)s)"
    )
    sending.add_argument(
        "--patience-seconds", default=1800, type=float, metavar="S", help="wait for a silent server (default: 1800)"
    )
    results = commands.add_parser("results", help="write one line for each request, in order, to stdout")
    for command in (receiving, preparing, sending, results):
        command.add_argument("--directory", required=True, metavar="DIR", type=Path, help="a directory on the volume")
        add_termination_message_path(command)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> Outcome:
    """Do what is asked, and turn every exception into an outcome."""
    return conclude(lambda: _do(options), logger, "It")


def _do(options: argparse.Namespace) -> Complete:
    place = Place(options.directory)
    try:
        match options.command:
            case "receive":
                return receive(sys.stdin.buffer, place, options.sha256)
            case "prepare":
                return prepare(place)
            case "send":
                return send(_read_sending(options, place))
            case _:
                return write_results(place, sys.stdout.buffer)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise NoSpaceError(
            f"The batch's volume is full: {error.strerror}. Where its class can grow, `kubectl patch pvc BATCH -n "
            'NAMESPACE -p \'{"spec":{"resources":{"requests":{"storage":"SIZE"}}}}\'` makes it larger (BATCH is its '
            "name, SIZE more than now), and the same command goes on with what was answered. Else delete the batch, "
            "and run it again with a larger --size."
        ) from error


def _read_sending(options: argparse.Namespace, place: Place) -> Sending:
    server = Server(options.base_url, read_api_key(os.environ), options.trusted_certificates)
    return Sending(place, server, options.concurrency, options.patience_seconds)


if __name__ == "__main__":
    sys.exit(main())
