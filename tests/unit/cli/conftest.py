from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.api_server import ApiServer, run_api_server


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with run_api_server() as server:
        yield server


@pytest.fixture
def kubeconfig(api: ApiServer, tmp_path: Path) -> Path:
    return api.write_kubeconfig(tmp_path / "kubeconfig.yaml")


@pytest.fixture(autouse=True)
def _page_width_is_that_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the terminal's width away, which a shell or the processes of pytest-xdist may bring."""
    monkeypatch.delenv("COLUMNS", raising=False)
