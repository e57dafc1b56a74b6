"""`python -m lab.manifest_checks`: find, build or install the programs that check what is rendered."""

import sys

from lab.binaries import find_or_build_manifest_checks
from lab.checkov_env import find_or_install_checkov
from lab.errors import LabError


def main() -> int:
    """Say where they are, and while one is made, how far it is."""

    def say(text: str) -> None:
        print(text, flush=True)

    try:
        programs = {**find_or_build_manifest_checks(say), "checkov": find_or_install_checkov(say)}
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    for name, path in programs.items():
        print(f"{name:<24} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
