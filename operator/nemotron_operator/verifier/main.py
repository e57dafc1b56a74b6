"""The command line of the verification Job: arguments in, one JSON line and an exit code out."""

import argparse
import asyncio
import logging
import os
import ssl
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nemotron_operator.termination.ending import add_termination_message_path, end_at_once_on_sigterm, tell
from nemotron_operator.termination.outcome import EXIT_COMPLETE, EXIT_RETRYABLE, EXIT_TERMINAL
from nemotron_operator.termination.running import logged_to
from nemotron_operator.verifier.engine_report import read_engine_report
from nemotron_operator.verifier.errors import Reason, VerificationError
from nemotron_operator.verifier.outcome import Complete, Failed, Outcome
from nemotron_operator.verifier.question import API_KEY_VARIABLE, Question, read_api_key, redact
from nemotron_operator.verifier.trust import AUTHORITY, CERTIFICATE, trust_certificates
from nemotron_operator.verifier.verify import Patience, verify

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, and tell the outcome to the termination message and on the last line of stdout."""
    options = parse_arguments(arguments)
    end_at_once_on_sigterm()
    with logged_to(sys.stderr, logging.getLogger(__package__)):
        return tell(run(options), options.termination_message_path)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="nemotron-verify",
        description="Ask a served model one question, as a client would, and judge the answer.",
        epilog=f"Environment: {API_KEY_VARIABLE} is the server's API key. Exit codes: {EXIT_COMPLETE} answered as "
        f"expected, {EXIT_TERMINAL} a person has to act, {EXIT_RETRYABLE} try again.",
    )
    parser.add_argument("--base-url", required=True, metavar="URL", help="the OpenAI-compatible API, up to /v1")
    parser.add_argument("--model", required=True, metavar="NAME", help="the name by which the model is asked for")
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="the user's message")
    parser.add_argument("--system-prompt", default="", metavar="TEXT", help="the system message (default: none)")
    parser.add_argument("--expect", default="", metavar="TEXT", help="text that the answer contains (default: any)")
    parser.add_argument(
        "--max-tokens", default=256, type=int, metavar="N", help="longest answer (default: %(default)s)"
    )
    parser.add_argument(
        "--answer-seconds", default=120, type=float, metavar="S", help="time for one answer (default: %(default)s)"
    )
    parser.add_argument(
        "--retry-seconds", default=60, type=float, metavar="S", help="time for new attempts (default: %(default)s)"
    )
    parser.add_argument(
        "--trusted-certificates",
        type=Path,
        metavar="DIRECTORY",
        help=f"where {AUTHORITY} or {CERTIFICATE} is, one of which the server's certificate has to stand on (default: "
        "the public CAs)",
    )
    add_termination_message_path(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> Outcome:
    """Ask, and read what the engine says of itself where there is an engine, whatever it answered."""
    try:
        trust = trust_certificates(options.trusted_certificates)
    except VerificationError as error:
        return Failed.from_error(error)
    outcome = _ask_and_judge(options, trust)
    if isinstance(outcome, Failed) and outcome.retryable:
        return outcome  # nothing answers, or not now: the next attempt reads it
    return replace(outcome, engine=asyncio.run(read_engine_report(options.base_url, trust)))


def _ask_and_judge(options: argparse.Namespace, trust: ssl.SSLContext | None) -> Outcome:
    """Ask, and turn every exception into an outcome."""
    api_key = None
    try:
        api_key = read_api_key(os.environ)
        return _ask(options, api_key, trust)
    except VerificationError as error:
        failed = Failed.from_error(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator has to hear of it
        message = f"Asking failed for a cause that nobody foresaw: {type(error).__name__}: {error}."
        failed = Failed(Reason.NO_ANSWER, message, retryable=True)
    failed = replace(failed, message=redact(failed.message, api_key))
    logger.error("%s: %s", str(failed.reason), failed.message)
    return failed


def _ask(options: argparse.Namespace, api_key: str | None, trust: ssl.SSLContext | None) -> Complete:
    question = Question(
        base_url=options.base_url,
        model=options.model,
        prompt=options.prompt,
        system_prompt=options.system_prompt,
        expect=options.expect,
        max_tokens=options.max_tokens,
        api_key=api_key,
        trust=trust,
    )
    answer = asyncio.run(verify(question, Patience(options.answer_seconds, options.retry_seconds)))
    return Complete.from_answer(replace(answer, text=redact(answer.text, api_key)))


if __name__ == "__main__":
    sys.exit(main())
