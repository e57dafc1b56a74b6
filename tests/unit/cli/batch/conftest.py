from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.batch.machine import Machine
from tests.unit.cli.cache.cluster_api import ClusterApi, run_cluster_api


@pytest.fixture
def cluster() -> Iterator[ClusterApi]:
    with run_cluster_api() as api:
        yield api


@pytest.fixture
def login(cluster: ClusterApi, tmp_path: Path) -> tuple[str, Path]:
    """The option that names the cluster."""
    return "--kubeconfig", cluster.write_kubeconfig(tmp_path / "cluster.yaml")


@pytest.fixture
def machine(tmp_path: Path, cluster: ClusterApi, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine.make(tmp_path / "machine", cluster, monkeypatch)
