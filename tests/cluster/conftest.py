"""The cluster tier: a real control plane, the operator with its chart's permissions, a namespace for each test."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bring_up import bring_up
from lab.control_plane import ControlPlane
from lab.operator_process import install_chart, make_operator, start_operator
from tests.support.cluster import OPERATOR_CONFIG, Namespace, RunningOperator, name_cluster
from tests.support.gpu_pool import GpuPool
from tests.support.recorded_calls import deleted_once_recorded, keep_ran_files

_numbers = itertools.count(1)

FOLDER = Path(__file__).parent

_ran: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    for item in items:
        if "tests/cluster" in str(item.path):
            item.add_marker(pytest.mark.cluster)


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Remember which files of this folder ran."""
    if item.path.is_relative_to(FOLDER):
        _ran.add(str(item.path.relative_to(FOLDER)))


def pytest_sessionfinish() -> None:
    """Keep it for the comparison of permissions, which needs them all."""
    keep_ran_files(_ran)


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """A cluster of the tests' own, made anew and taken away."""
    made = bring_up(name_cluster("test"), lambda text: print(f"  {text}", file=sys.stderr))
    with deleted_once_recorded(made):
        install_chart(made)
        yield made


@pytest.fixture(scope="session")
def shared_operator(plane: ControlPlane) -> RunningOperator:
    """The operator that all tests of the session share; the cluster's end is its end."""
    component = make_operator(plane, options=(f"--config={OPERATOR_CONFIG}", "--log-format=json"))
    operator = RunningOperator(component, start_operator(component))
    operator.wait_until_synced()
    return operator


@pytest.fixture
def operator(shared_operator: RunningOperator) -> Iterator[RunningOperator]:
    """The shared operator, alive when the test begins and when it ends."""
    yield shared_operator
    if not shared_operator.component.is_running():
        shared_operator.restart()
        raise AssertionError(f"the operator ended during the test; its log is {shared_operator.component.log}")


@pytest.fixture
def namespace(plane: ControlPlane) -> Iterator[Namespace]:
    """A namespace that enforces the restricted Pod Security Standard, so that every rendered pod must pass it."""
    name = f"test-{next(_numbers)}"
    plane.kubectl("create", "namespace", name)
    plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield Namespace(plane, name)
    plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def pool(plane: ControlPlane, namespace: Namespace) -> Iterator[GpuPool]:
    """GPU nodes of the test's own, none at first."""
    made = GpuPool(plane, f"pool-{namespace.name}")
    yield made
    made.clear()
