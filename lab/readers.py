"""`python -m lab.readers`: find or build the programs that read what is published, as a cluster's own tools do."""

import sys
from collections.abc import Callable, Iterable

from lab.binaries import (
    find_or_build_actionlint,
    find_or_build_gitops,
    find_or_build_manifest_checks,
    find_or_build_promql,
)
from lab.checkov_env import find_or_install_checkov
from lab.errors import LabError


def main() -> int:
    """Say which programs are there, and while one is built, how far it is."""
    try:
        for path in _find_or_build(lambda text: print(text, flush=True)):
            print(path)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _find_or_build(say: Callable[[str], None]) -> Iterable[object]:
    yield find_or_build_actionlint(say)
    yield find_or_build_gitops(say)
    yield find_or_build_promql(say)
    yield from find_or_build_manifest_checks(say).values()
    yield find_or_install_checkov(say)


if __name__ == "__main__":
    sys.exit(main())
