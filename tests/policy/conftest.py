"""The policy tier: everything that is rendered, and the tools that judge it, without a cluster."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lab.binaries import find_or_build_gitops, find_or_build_helms, find_or_build_manifest_checks
from lab.checkov_env import find_or_install_checkov
from tests.gitops.judges import Judges
from tests.policy.rendered import Body, render_all
from tests.support.helm import Helm


@pytest.fixture(scope="session")
def helms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Helm]:
    """Both Helms by name."""
    home = tmp_path_factory.mktemp("helm")
    return {name: Helm(program, home) for name, program in find_or_build_helms(print).items()}


@pytest.fixture(scope="session")
def judges() -> Judges:
    """What evaluates CEL."""
    return Judges(find_or_build_gitops(print))


@pytest.fixture(scope="session")
def programs() -> dict[str, Path]:
    """Every tool that is a program, by its name."""
    return {**find_or_build_manifest_checks(print), "checkov": find_or_install_checkov(print)}


@pytest.fixture(scope="session")
def rendered(helms: dict[str, Helm]) -> Mapping[str, Sequence[Body]]:
    """Everything that this project brings to a cluster, by origin."""
    return render_all(helms["helm"])
