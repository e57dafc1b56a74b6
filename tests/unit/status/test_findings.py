from dataclasses import replace

from nemotron_operator.status.findings import describe_plan, find_model_cached
from nemotron_operator.status.observation import Observation
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.plans import plan_cached


def test_sizes_of_the_first_model_are_told_in_gigabytes() -> None:
    planned = plan_cached(a_deployment())
    assert "weights 33.8 GiB and KV cache 33.0 GiB on each" in describe_plan(planned)
    assert "26 files, 72.7 GB of mysticbeing/" in find_model_cached(planned, Observation()).finding.message


def test_sizes_of_a_tiny_model_are_told_in_megabytes() -> None:
    planned = plan_cached(a_deployment())
    tiny = replace(planned, memory=replace(planned.memory, weights_bytes=593_152))
    assert "weights 0.6 MiB and KV cache" in describe_plan(tiny)
    cached = planned.cache.cached
    assert cached is not None
    small = replace(planned, cache=replace(planned.cache, cached=replace(cached, size_bytes=572_244)))
    assert "26 files, 0.6 MB of mysticbeing/" in find_model_cached(small, Observation()).finding.message
