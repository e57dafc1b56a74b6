import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.plan.startup import (
    COMPILE_SECONDS,
    SCHEDULING_ALLOWANCE_SECONDS,
    SHORTEST_STARTUP_BUDGET_SECONDS,
    STARTUP_SAFETY_FACTOR,
)
from nemotron_operator.units import GIB
from tests.support.fixtures.deployments import BF16, FP8, NANO, a_deployment
from tests.support.fixtures.plans import CONFIG, facts_when_cached, plan


@pytest.mark.parametrize(("model", "read_seconds"), [(FP8, 347), (BF16, 673)])
def test_a_start_is_given_twice_what_reading_and_compiling_take(model: str, read_seconds: int) -> None:
    startup = plan(a_deployment().with_model(model)).startup
    estimate = read_seconds + COMPILE_SECONDS
    assert (estimate, STARTUP_SAFETY_FACTOR * estimate) == (startup.estimate_seconds, startup.budget_seconds)
    assert startup.budget_seconds + SCHEDULING_ALLOWANCE_SECONDS == startup.progress_deadline_seconds


def test_a_hybrid_mixture_is_given_the_same_time_to_compile() -> None:
    startup = plan(a_deployment().with_model(NANO)).startup
    read_seconds = startup.estimate_seconds - COMPILE_SECONDS
    assert 30 * GIB <= read_seconds * 200 * 1024**2 <= 32 * GIB


def test_the_measured_read_rate_takes_the_place_of_the_assumed_one() -> None:
    deployment = a_deployment()
    facts = facts_when_cached(deployment)
    (job_name, cached), *_ = facts.cached_models.items()
    measured = replace(facts, cached_models={job_name: replace(cached, read_bytes_per_second=2 * GIB)})
    # 67.69 GiB at 2 GiB/s.
    assert 34 + COMPILE_SECONDS == plan(deployment, measured).startup.estimate_seconds
    assert plan(deployment).startup == plan(deployment, facts).startup


@pytest.mark.parametrize("size", [2, 4, 8])
def test_however_many_gpus_share_it_the_whole_repository_is_read(size: int) -> None:
    assert plan(a_deployment()).startup == plan(a_deployment().with_tensor(size)).startup


def test_a_pipeline_reads_the_same_bytes() -> None:
    assert plan(a_deployment()).startup == plan(a_deployment().with_pipeline(4)).startup


@given(st.integers(min_value=1, max_value=100_000))
def test_no_start_is_given_less_than_vllm_itself_waits(mib_per_second: int) -> None:
    config = CONFIG.model_copy(update={"assumed_read_mib_per_second": mib_per_second})
    startup = plan(a_deployment(), config=config).startup
    # 67.69 GiB, rounded down: what a GPU alone would hold of it.
    read_seconds = math.floor(67.69 * 1024 / mib_per_second)
    assert startup.estimate_seconds >= read_seconds
    assert startup.budget_seconds >= max(SHORTEST_STARTUP_BUDGET_SECONDS, STARTUP_SAFETY_FACTOR * read_seconds)


@pytest.mark.parametrize("load_seconds", [116.61, 45.09, 30.47, 12])
def test_every_published_load_of_70b_in_fp8_is_within_the_time_for_reading(load_seconds: float) -> None:
    """Rows D1, P2, P61 and D16 of the published measurements."""
    assert load_seconds < plan(a_deployment()).startup.estimate_seconds - COMPILE_SECONDS


def test_a_node_is_given_the_time_to_pull_the_weights_in_an_image() -> None:
    config = CONFIG.model_copy(update={"allowed_model_image_prefixes": ("registry.example.com/",)})
    image = a_deployment().with_weights_in_image("registry.example.com/models/nemotron:1")
    from_image, from_volume = plan(image, config=config).startup, plan(a_deployment()).startup
    assert from_volume.budget_seconds == from_image.budget_seconds
    assert 1386 == from_image.progress_deadline_seconds - from_volume.progress_deadline_seconds
