"""The chart tier: both Helms on the operator's chart, without a cluster."""

from pathlib import Path

import pytest

from lab.binaries import find_or_build_helms
from tests.support.helm import Helm


@pytest.fixture(scope="session")
def helms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Helm]:
    """Both Helms by name."""
    home: Path = tmp_path_factory.mktemp("helm")
    return {name: Helm(program, home) for name, program in find_or_build_helms(print).items()}


@pytest.fixture(params=["helm", "helm3"])
def helm(request: pytest.FixtureRequest, helms: dict[str, Helm]) -> Helm:
    """Each Helm in turn."""
    return helms[request.param]
