"""The node tier: a real control plane, simulated nodes, and one node that runs its pods for real."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bring_up import bring_up
from lab.control_plane import ControlPlane
from lab.real_node_possible import why_no_real_node


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, and skip it where no real node can be."""
    reason = why_no_real_node()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.node)
            if reason:
                item.add_marker(pytest.mark.skip(reason=f"no real node here: {reason}"))


@pytest.fixture(scope="session")
def real_plane() -> Iterator[ControlPlane]:
    """A cluster of the tests' own with a real node, made anew or kept from a run that was cut off, and taken away."""
    made = bring_up("test-node", lambda text: print(f"  {text}", file=sys.stderr), real_node=True)
    yield made
    made.delete()
