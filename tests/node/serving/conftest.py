"""The operator on the real node, and a hub that its cache Jobs fetch from."""

import itertools
import sys
from collections.abc import Callable, Iterator

import pytest

from lab.bring_up import bring_up
from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.real_operator import install_real_operator, serve_tiny_model
from tests.support.cluster import Namespace

_numbers = itertools.count(1)

MakeNamespace = Callable[[], Namespace]


@pytest.fixture(scope="session")
def serving_plane() -> Iterator[ControlPlane]:
    """A cluster of these tests' own with the operator installed by Helm."""

    def say(text: str) -> None:
        print(f"  {text}", file=sys.stderr)

    plane = bring_up("test-serving", say, real_node=True)
    install_real_operator(plane, say)
    yield plane
    plane.delete()


@pytest.fixture(scope="session")
def hub(serving_plane: ControlPlane) -> Iterator[Hub]:
    """A hub with the tiny model."""
    with serve_tiny_model(serving_plane) as hub:
        yield hub


@pytest.fixture(scope="module")
def make_namespace(serving_plane: ControlPlane) -> Iterator[MakeNamespace]:
    """Make namespaces that enforce the restricted Pod Security Standard; all are deleted with the module."""
    made: list[str] = []

    def make() -> Namespace:
        name = f"serving-{next(_numbers)}"
        serving_plane.kubectl("create", "namespace", name)
        made.append(name)
        serving_plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        return Namespace(serving_plane, name)

    yield make
    for name in made:
        serving_plane.kubectl("delete", "namespace", name, "--timeout=120s")
