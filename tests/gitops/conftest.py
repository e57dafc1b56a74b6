"""The GitOps tier: recorded objects before the judges of GitOps tools, without a cluster."""

import pytest

from lab.binaries import find_or_build_gitops
from tests.gitops.judges import Judges


@pytest.fixture(scope="session")
def judges() -> Judges:
    """All judges."""
    return Judges(find_or_build_gitops(print))
