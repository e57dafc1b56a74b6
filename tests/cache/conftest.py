"""The cache tier: the real programs against a hub and volumes that misbehave."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hub import Hub
from tests.cache.command import Cache, a_cache
from tests.cache.repository import REPOSITORY, make_files

FIRST_SEED = int(os.environ.get("CACHE_TEST_SEED", "1"))
"""What makes the random moments and bytes; it is printed at the end, and another one looks elsewhere."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many faults there were at random, and how to repeat them."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    counted = Counter[str]()
    for name, number in (pair for report in reports for pair in report.user_properties):
        counted[name] += int(str(number))
    if counted:
        faults = ", ".join(f"{number} {name}" for name, number in sorted(counted.items()))
        terminalreporter.write_line(f"at random (CACHE_TEST_SEED={FIRST_SEED}): {faults}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a seed five times, ten faults each: two cores work on them at once."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(FIRST_SEED, FIRST_SEED + 5))


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub with the repository."""
    with Hub({REPOSITORY: make_files()}) as hub:
        yield hub


@pytest.fixture
def cache(hub: Hub, tmp_path: Path) -> Iterator[Cache]:
    """An empty volume for the hub's repository."""
    with a_cache(hub, tmp_path) as cache:
        yield cache
