"""A cluster of this folder's own, and operators that reach it through a proxy that misbehaves on request."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.bring_up import bring_up
from lab.control_plane import ControlPlane
from lab.operator_process import install_chart, make_operator, start_operator, write_operator_kubeconfig
from nemotron_operator.cluster.kinds import CHILD_KINDS
from tests.support.cluster import Namespace, RunningOperator, name_cluster, wait_until
from tests.support.faults.proxy import FaultProxy
from tests.support.recorded_calls import deleted_once_recorded

StartOperator = Callable[..., RunningOperator]


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """Not the cluster of the other tests: their operator would do the work that is looked for here."""
    made = bring_up(name_cluster("faults"), lambda text: print(f"  {text}", file=sys.stderr))
    with deleted_once_recorded(made):
        install_chart(made)
        yield made


@pytest.fixture(scope="session")
def session_proxy(plane: ControlPlane) -> Iterator[FaultProxy]:
    with FaultProxy(plane.kubeconfig) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def operator_kubeconfig(plane: ControlPlane, session_proxy: FaultProxy) -> Path:
    """The operator's own permissions, by way of the proxy."""
    return write_operator_kubeconfig(plane, session_proxy.url)


@pytest.fixture
def proxy(session_proxy: FaultProxy) -> Iterator[FaultProxy]:
    """The proxy, well behaved when the test begins and when it ends."""
    session_proxy.seen.clear()
    yield session_proxy
    session_proxy.rules.clear()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The operator's configuration: the shipped one, so that no resync heals within minutes what the watches missed."""
    path = tmp_path / "config.yaml"
    path.write_text("{}")
    return path


@pytest.fixture
def start(
    plane: ControlPlane, operator_kubeconfig: Path, namespace: Namespace, config: Path
) -> Iterator[StartOperator]:
    """Start the test's operator, which serves the test's namespace only; it is killed afterwards."""
    options = ("--kubeconfig", operator_kubeconfig, "--config", config, "--namespace", namespace.name)
    component = make_operator(plane, options=[str(option) for option in options])

    def start_it() -> RunningOperator:
        return RunningOperator(component, start_operator(component))

    log_before = component.log.stat().st_size if component.log.exists() else 0
    yield start_it
    component.stop(signal.SIGKILL)
    print(component.log.read_bytes()[log_before:].decode(errors="replace"))


@pytest.fixture
def operator(start: StartOperator, proxy: FaultProxy, namespace: Namespace) -> Iterator[RunningOperator]:
    """An operator that is at work, and at the end is the same process, ready, and left nothing on a resource."""
    operator = start()
    operator.wait_until_synced()
    wait_until("every kind is watched", lambda: proxy.count_open_watches() == 1 + len(CHILD_KINDS))
    pid = operator.component.pid()
    yield operator
    assert pid == operator.component.pid()
    operator.wait_until_synced()
    for resource in namespace.list("nemo"):
        assert "finalizers" not in resource["metadata"]
        assert ["kubectl.kubernetes.io/last-applied-configuration"] == list(resource["metadata"]["annotations"])
