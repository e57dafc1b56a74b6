"""`python -m lab.helms`: find or build both Helms that the chart is for."""

import sys

from lab.binaries import find_or_build_helms
from lab.errors import LabError


def main() -> int:
    """Say where they are, and while one is built, how far it is."""
    try:
        for name, path in find_or_build_helms(lambda text: print(text, flush=True)).items():
            print(f"{name:<24} {path}")
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
