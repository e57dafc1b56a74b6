"""The command line of `nemotron-volume`: arguments in, one JSON line and an exit code out."""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nemotron_operator.termination.ending import (
    add_termination_message_path,
    end_at_once_on_ctrl_c,
    end_at_once_on_sigterm,
    tell,
)
from nemotron_operator.termination.outcome import EXIT_COMPLETE, EXIT_RETRYABLE, EXIT_TERMINAL, Outcome
from nemotron_operator.termination.running import conclude, logged_to
from nemotron_operator.volume.adapter_list import AdapterList, write_adapter_list
from nemotron_operator.volume.inspect_directory import inspect_directory
from nemotron_operator.volume.manifest import MANIFEST_NAME, Manifest
from nemotron_operator.volume.outcome import Complete
from nemotron_operator.volume.place import Place
from nemotron_operator.volume.read_rate import measure_read_rate
from nemotron_operator.volume.receive import receive
from nemotron_operator.volume.refs import Ref, resolving, write_ref
from nemotron_operator.volume.refusals import explained_volume_errors
from nemotron_operator.volume.verify_directory import verify_directory
from nemotron_operator.volume.verify_published import verify_published
from nemotron_operator.volume.write_manifest import write_manifest

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked, and tell the outcome to the termination message and on the last line of stdout."""
    options = parse_arguments(arguments)
    end_at_once_on_sigterm()
    end_at_once_on_ctrl_c("Interrupted. Nothing is published that was not verified.")
    with logged_to(sys.stderr, logging.getLogger("nemotron_operator")):
        return tell(run(options), options.termination_message_path)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="nemotron-volume",
        description="Prove what a volume holds of a model.",
        epilog=f"Exit codes: {EXIT_COMPLETE} it is right, {EXIT_TERMINAL} a person has to act, {EXIT_RETRYABLE} try "
        "again.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    verifying = commands.add_parser("verify", help="hold every byte against a manifest")
    what = verifying.add_mutually_exclusive_group(required=True)
    what.add_argument("--commit", metavar="COMMIT", help="a published commit in --destination, 40 hexadecimal digits")
    what.add_argument("--directory", metavar="DIR", type=Path, help="a directory of your own, which is left as it is")
    verifying.add_argument("--destination", metavar="DIR", type=Path, help="a directory on the volume")
    inspecting = commands.add_parser("inspect", help="see whether a server could load what lies in a directory")
    inspecting.add_argument("--directory", required=True, metavar="DIR", type=Path, help="a model's directory")
    inspecting.add_argument(
        "--write-manifest", action="store_true", help=f"write {MANIFEST_NAME} from what is there: reads every byte"
    )
    receiving = commands.add_parser("receive", help="publish a directory that comes on stdin as a plain tar archive")
    receiving.add_argument("--revision", metavar="REV", help="a branch or tag that shall mean its commit from now on")
    receiving.add_argument("--destination", required=True, metavar="DIR", type=Path, help="a directory on the volume")
    telling = commands.add_parser("tell-adapters", help="tell the pods of a resource which adapters to load")
    telling.add_argument("--destination", required=True, metavar="DIR", type=Path, help="a directory on the volume")
    telling.add_argument("--resource", required=True, metavar="NAME", help="whose pods, for who reads the list")
    telling.add_argument("--uid", required=True, metavar="UID", help="of the resource: names the list")
    telling.add_argument("--generation", required=True, type=int, metavar="N", help="of its spec")
    telling.add_argument(
        "--adapter", action="append", default=[], metavar="NAME=DIR", dest="adapters", help="default: none"
    )
    telling.add_argument(
        "--keep", action="append", default=[], metavar="NAME", dest="kept", help="leave as it stands in the list"
    )
    for command in (verifying, inspecting, receiving, telling):
        add_termination_message_path(command)
    options = parser.parse_args(arguments)
    if options.command == "verify" and (options.commit is None) != (options.destination is None):
        verifying.error("--commit and --destination go together")
    return options


def run(options: argparse.Namespace) -> Outcome:
    """Do what is asked, and turn every exception into an outcome."""
    return conclude(lambda: _do(options), logger, "It")


def _do(options: argparse.Namespace) -> Complete:
    directory = options.destination if "destination" in options and options.destination else options.directory
    began = time.monotonic()
    with explained_volume_errors(directory):
        complete = COMMANDS[options.command](options)
    return replace(complete, seconds=time.monotonic() - began)


def _verify(options: argparse.Namespace) -> Complete:
    if options.directory is not None:
        return _tell_manifest(verify_directory(options.directory), options.directory)
    place = Place(options.destination, options.commit)
    return _tell_manifest(verify_published(place), place.published)


def _inspect(options: argparse.Namespace) -> Complete:
    inspected = inspect_directory(options.directory)
    manifest = inspected.manifest
    if options.write_manifest:
        manifest = write_manifest(options.directory, inspected.paths)
    return Complete(
        commit=manifest.commit if manifest else None,
        size_bytes=inspected.size_bytes,
        files=len(inspected.paths),
        manifest_sha256=manifest.sha256 if manifest else None,
        seconds=0,
        read_bytes_per_second=measure_read_rate(options.directory / path for path in inspected.weights),
    )


def _receive(options: argparse.Namespace) -> Complete:
    manifest = receive(sys.stdin.buffer, options.destination)
    if options.revision:
        ref = Ref(options.destination, manifest.repository, options.revision)
        with resolving(ref):
            write_ref(ref, manifest.commit)
    return _tell_manifest(manifest, Place(options.destination, manifest.commit).published)


def _tell_adapters(options: argparse.Namespace) -> Complete:
    adapters = dict(each.split("=", 1) for each in options.adapters)
    wanted = AdapterList(options.resource, options.uid, options.generation, adapters, tuple(options.kept))
    write_adapter_list(options.destination, wanted)
    return Complete(
        commit=None,
        size_bytes=0,
        files=len(adapters),
        manifest_sha256=None,
        seconds=0,
        read_bytes_per_second=None,
    )


def _tell_manifest(manifest: Manifest, directory: Path) -> Complete:
    return Complete(
        commit=manifest.commit,
        size_bytes=manifest.size_bytes,
        files=len(manifest.files),
        manifest_sha256=manifest.sha256,
        seconds=0,
        read_bytes_per_second=measure_read_rate(directory / path for path in manifest.weights),
    )


COMMANDS = {"verify": _verify, "inspect": _inspect, "receive": _receive, "tell-adapters": _tell_adapters}
"""What each command does."""


if __name__ == "__main__":
    sys.exit(main())
