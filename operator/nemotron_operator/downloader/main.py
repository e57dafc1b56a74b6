"""The command line of the cache Job: arguments in, one JSON line and an exit code out."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from nemotron_operator.downloader.access import ENDPOINT_VARIABLE, HubAccess
from nemotron_operator.downloader.download import Request, download
from nemotron_operator.downloader.hub import HubOrigin
from nemotron_operator.downloader.origin import Origin
from nemotron_operator.downloader.patience import Patience
from nemotron_operator.downloader.secret import TOKEN_VARIABLE, read_secrets, read_token, redact_all, redacted_log
from nemotron_operator.downloader.selection import DEFAULT_PATTERNS
from nemotron_operator.termination.ending import (
    add_termination_message_path,
    end_at_once_on_ctrl_c,
    end_at_once_on_sigterm,
    tell,
)
from nemotron_operator.termination.outcome import EXIT_COMPLETE, EXIT_RETRYABLE, EXIT_TERMINAL, Outcome
from nemotron_operator.termination.running import conclude

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, patience: Patience | None = None) -> int:
    """Download, and tell the outcome to the termination message and on the last line of stdout."""
    options = parse_arguments(arguments)
    end_at_once_on_sigterm()
    end_at_once_on_ctrl_c("Interrupted. What is there stays: the same command goes on with it.")
    secrets = read_secrets(os.environ)
    with redacted_log(sys.stderr, secrets):
        outcome = run(options, patience or Patience())
        return tell(outcome, options.termination_message_path, lambda line: redact_all(line, secrets))


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="nemotron-download",
        description="Download a model's repository onto a volume, verify every file, publish all at once.",
        epilog=f"Environment: {TOKEN_VARIABLE} is the hub's token, {ENDPOINT_VARIABLE} the address of a mirror; "
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN open a bucket; HTTPS_PROXY, NO_PROXY and "
        "SSL_CERT_FILE are obeyed. "
        f"Exit codes: {EXIT_COMPLETE} published, {EXIT_TERMINAL} a person has to act, {EXIT_RETRYABLE} try again.",
    )
    origin = parser.add_mutually_exclusive_group(required=True)
    origin.add_argument("--repository", metavar="ORG/NAME", help="a repository of a hub")
    origin.add_argument("--s3-bucket", metavar="NAME", help="a bucket of an S3-compatible storage")
    parser.add_argument("--revision", metavar="REV", help="with --repository: a commit, branch or tag")
    parser.add_argument("--s3-prefix", default="", metavar="PREFIX", help="the directory in the bucket (default: all)")
    parser.add_argument("--s3-endpoint", metavar="URL", help="the storage's address (default: that of AWS)")
    parser.add_argument("--s3-region", metavar="REGION", help="the bucket's region")
    parser.add_argument("--destination", required=True, metavar="DIR", type=Path, help="a directory on the volume")
    parser.add_argument(
        "--allow-pattern",
        action="extend",
        nargs="+",
        default=[],
        metavar="GLOB",
        dest="extra_patterns",
        help=f"also fetch these files, but no pickle. Always fetched: {' '.join(DEFAULT_PATTERNS)}",
    )
    parser.add_argument(
        "--adapter", action="store_true", help="it has to be a LoRA adapter: tell its rank (default: a model)"
    )
    parser.add_argument(
        "--progress-port",
        type=int,
        metavar="N",
        help="serve the progress at /progress and /metrics of this port (default: nowhere)",
    )
    add_termination_message_path(parser)
    options = parser.parse_args(arguments)
    if (options.repository is None) != (options.revision is None):
        parser.error("--repository and --revision go together, such as --revision main; a bucket has no revisions")
    if options.repository is not None and (options.s3_prefix or options.s3_endpoint or options.s3_region):
        parser.error("--s3-prefix, --s3-endpoint and --s3-region go with --s3-bucket")
    return options


def run(options: argparse.Namespace, patience: Patience) -> Outcome:
    """Download, and turn every exception into an outcome."""
    return conclude(lambda: _download(options, patience), logger, "The download")


def _download(options: argparse.Namespace, patience: Patience) -> Outcome:
    return download(
        Request(
            origin=make_origin(options),
            destination=options.destination,
            extra_patterns=tuple(options.extra_patterns),
            patience=patience,
            is_adapter=options.adapter,
            progress_port=options.progress_port,
        )
    )


def make_origin(options: argparse.Namespace) -> Origin:
    """Choose the origin. That of S3 is imported late: its client takes longer to import than a full cache to find."""
    if options.s3_bucket is None:
        access = HubAccess(options.repository, read_token(os.environ), os.environ.get(ENDPOINT_VARIABLE) or None)
        return HubOrigin(access, options.revision)
    from nemotron_operator.downloader.s3 import S3Origin

    return S3Origin(
        bucket=options.s3_bucket,
        prefix=options.s3_prefix,
        endpoint=options.s3_endpoint,
        region=options.s3_region,
    )


if __name__ == "__main__":
    sys.exit(main())
