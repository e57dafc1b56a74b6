"""One hypothesis profile for all tests: few examples, no deadline on a shared machine, the same examples in CI."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "developer",
    max_examples=25,
    deadline=None,
    # A spec has many parts; on two shared cores drawing one takes longer than hypothesis likes.
    suppress_health_check=[HealthCheck.too_slow],
)
# `pytest --hypothesis-profile=thorough` looks longer, before a release or after a change of the plan.
settings.register_profile("thorough", settings.get_profile("developer"), max_examples=1000)
settings.register_profile("ci", settings.get_profile("developer"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")

# Many tests ask servers on loopback, as do the programs that they run, and no proxy of this machine reaches those.
_DIRECT = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"]))
os.environ |= {"no_proxy": _DIRECT, "NO_PROXY": _DIRECT}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let golden files be written by the tests that read them."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew; read the difference")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Tell whether golden files are written."""
    return bool(request.config.getoption("--update-golden"))
