"""`make bench`: what the plan is worth, what a user waits for, and what the operator costs, on this machine.

`python -m tests.bench accuracy` and `... speed` measure the plan alone, within seconds, `... probe` what runs beside an
engine, within a minute; without a name all is measured.
"""

import os
import platform
import sys
from argparse import ArgumentParser
from collections.abc import Callable

from lab.errors import LabError
from tests.bench.accuracy import print_accuracy
from tests.bench.probe import measure_probe
from tests.bench.speed import measure_speed


def main() -> int:
    """Measure and print; a failure is one message."""
    parser = ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=sorted(_PARTS), help="measure this alone")
    chosen = parser.parse_args().part
    print(f"machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    try:
        for name, measure in _PARTS.items():
            if chosen in {None, name}:
                print(f"\n{name}")
                measure()
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _measure_cluster() -> None:
    # Late: it knows half of the laboratory.
    from tests.bench.cluster import measure_cluster

    measure_cluster(lambda text: print(text, file=sys.stderr, flush=True))


def _measure_cache() -> None:
    # Late: only this part needs the hub.
    from tests.bench.cache import measure_cache

    measure_cache(lambda text: print(text, file=sys.stderr, flush=True))


_PARTS: dict[str, Callable[[], None]] = {
    "accuracy": print_accuracy,
    "speed": measure_speed,
    "probe": measure_probe,
    "cache": _measure_cache,
    "cluster": _measure_cluster,
}
"""In the order in which they are measured."""


if __name__ == "__main__":
    sys.exit(main())
