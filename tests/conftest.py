"""One hypothesis profile for all tests: few examples, no deadline on a shared machine, the same examples in CI."""

import os

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
