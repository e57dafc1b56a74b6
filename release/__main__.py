"""`python -m release check|assemble|push|notes`: what the release workflow runs, and anybody who checks a release."""

import argparse
import sys
from pathlib import Path

from lab.binaries import find_or_build_helm
from release.assemble import assemble
from release.charts import ReleasedImages
from release.errors import ReleaseError
from release.image_reference import parse_image_reference
from release.notes import read_names, render_notes
from release.push import push_charts
from release.versions import check_tag, read_version


def main() -> int:
    """Run one command; a refusal is one message."""
    arguments = _parse_arguments()
    try:
        _COMMANDS[arguments.command](arguments)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m release", description="The parts of a release.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say whether a tag agrees with every file and the changelog")
    check.add_argument("tag", help="for example v0.2.0")
    made = commands.add_parser("assemble", help="write charts, wheel, bill of materials and checksums into a folder")
    made.add_argument("--operator-image", required=True, help="registry/name@sha256:... of the operator")
    made.add_argument("--engine-image", required=True, help="registry/name@sha256:... of vLLM")
    made.add_argument("--add", type=Path, nargs="*", default=[], help="further files of the release")
    made.add_argument("--output", type=Path, default=Path("dist"), help="an empty folder, or none (default: dist)")
    push = commands.add_parser("push", help="push the charts, and print their names by digest")
    push.add_argument("--from", dest="folder", type=Path, default=Path("dist"), help="where they are (default: dist)")
    push.add_argument("--to", dest="target", required=True, help="for example oci://registry.example.com/charts")
    notes = commands.add_parser("notes", help="print what the page of the release says")
    notes.add_argument("--names", type=Path, nargs="+", required=True, help="files with names by digest, one a line")
    return parser.parse_args()


def _check(arguments: argparse.Namespace) -> None:
    print(check_tag(arguments.tag))


def _notes(arguments: argparse.Namespace) -> None:
    print(render_notes(read_version(), read_names(arguments.names)), end="")


def _push(arguments: argparse.Namespace) -> None:
    # What is printed names what was pushed, and nothing else: how Helm is built is told beside it.
    helm = find_or_build_helm(lambda text: print(text, file=sys.stderr, flush=True))
    for name in push_charts(helm, arguments.folder, arguments.target):
        print(name)


def _assemble(arguments: argparse.Namespace) -> None:
    images = ReleasedImages(
        operator=parse_image_reference(arguments.operator_image), engine=parse_image_reference(arguments.engine_image)
    )
    assemble(images, arguments.add, arguments.output, lambda text: print(text, flush=True))


_COMMANDS = {"check": _check, "assemble": _assemble, "push": _push, "notes": _notes}


if __name__ == "__main__":
    sys.exit(main())
