"""The command line of the Job that sees the adapters loaded: arguments in, one JSON line and an exit code out."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from nemotron_operator.termination.ending import add_termination_message_path, end_at_once_on_sigterm, tell
from nemotron_operator.termination.outcome import EXIT_COMPLETE, EXIT_RETRYABLE, EXIT_TERMINAL, Outcome
from nemotron_operator.termination.running import conclude, logged_to
from nemotron_operator.verifier.adapters import Wanted, wait_for_adapters
from nemotron_operator.verifier.question import API_KEY_VARIABLE, read_api_key, redact
from nemotron_operator.verifier.trust import AUTHORITY, CERTIFICATE, trust_certificates

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded(Outcome):
    """Every replica serves the adapters."""

    names: tuple[str, ...]

    @override
    def as_json(self) -> dict[str, Any]:
        return {"outcome": "Complete", "adapters": list(self.names)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask, and tell the outcome to the termination message and on the last line of stdout."""
    options = parse_arguments(arguments)
    end_at_once_on_sigterm()
    with logged_to(sys.stderr, logging.getLogger(__package__)):
        outcome = conclude(lambda: _wait(options), logger, "Asking for the adapters")
        api_key = os.environ.get(API_KEY_VARIABLE, "").strip() or None
        return tell(outcome, options.termination_message_path, lambda line: redact(line, api_key))


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="nemotron-adapters",
        description="Wait until every replica of a model serves its LoRA adapters.",
        epilog=f"Environment: {API_KEY_VARIABLE} is the server's API key. Exit codes: {EXIT_COMPLETE} all are served, "
        f"{EXIT_TERMINAL} a person has to act, {EXIT_RETRYABLE} try again.",
    )
    parser.add_argument("--base-url", required=True, metavar="URL", help="the OpenAI-compatible API, up to /v1")
    parser.add_argument(
        "--adapter",
        action="append",
        default=[],
        metavar="NAME=DIR",
        dest="adapters",
        help="an adapter, and its directory as the engine finds it (default: none is to be served)",
    )
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="NAME",
        dest="kept",
        help="one that is on its way: an earlier adapter of that name may be served until then",
    )
    parser.add_argument("--replicas", default=1, type=int, metavar="N", help="how many serve (default: %(default)s)")
    parser.add_argument(
        "--wait-seconds", default=600, type=float, metavar="S", help="how long to wait (default: %(default)s)"
    )
    parser.add_argument(
        "--trusted-certificates",
        type=Path,
        metavar="DIRECTORY",
        help=f"where {AUTHORITY} or {CERTIFICATE} is (default: the public CAs)",
    )
    add_termination_message_path(parser)
    return parser.parse_args(arguments)


def _wait(options: argparse.Namespace) -> Loaded:
    adapters = dict(each.split("=", 1) for each in options.adapters)
    wanted = Wanted(
        base_url=options.base_url,
        adapters=adapters,
        kept=frozenset(options.kept),
        replicas=options.replicas,
        api_key=read_api_key(os.environ),
        trust=trust_certificates(options.trusted_certificates),
    )
    asyncio.run(wait_for_adapters(wanted, options.wait_seconds))
    return Loaded(tuple(adapters))


if __name__ == "__main__":
    sys.exit(main())
