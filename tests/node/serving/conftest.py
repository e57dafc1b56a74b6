"""The operator on the real node, and a hub that its cache Jobs fetch from."""

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.bring_up import bring_up
from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.real_operator import install_real_operator, serve_tiny_model
from tests.support.cluster import Namespace

_numbers = itertools.count(1)


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


@contextmanager
def a_namespace(plane: ControlPlane) -> Iterator[Namespace]:
    """Make a namespace that enforces the restricted Pod Security Standard; what it holds ends with it, soon after."""
    name = f"serving-{next(_numbers)}"
    plane.kubectl("create", "namespace", name)
    plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield Namespace(plane, name)
    plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(serving_plane: ControlPlane) -> Iterator[Namespace]:
    """A namespace for one test."""
    with a_namespace(serving_plane) as made:
        yield made
