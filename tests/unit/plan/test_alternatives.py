import pytest

from nemotron_operator.plan.alternatives import (
    find_cheaper,
    find_faster,
    find_nearest_fitting,
    without_tensor,
)
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.sizing import choose_sizing
from tests.support.fixtures.deployments import BF16, FP8, NANO, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CONFIG, resolve


def suggest(deployment: DeploymentBuilder) -> list[str]:
    request = resolve(deployment)
    return find_nearest_fitting(request, choose_sizing(request))


def test_more_gpus_or_a_shorter_context_are_suggested_first() -> None:
    deployment = a_deployment().with_tensor(1).with_max_model_len(16_000)
    assert ["parallelism.tensor: 2", "engine.maxModelLen: 6144"] == suggest(deployment)


def test_a_setting_of_the_users_that_takes_the_room_away_is_named() -> None:
    deployment = a_deployment().with_tensor(2).with_max_model_len(131_072).having("engine.maxNumSeqs", 8192)
    assert "engine.maxNumSeqs: 1024" in suggest(deployment)


def test_a_low_utilization_is_named() -> None:
    deployment = a_deployment().with_tensor(2).with_max_model_len(131_072)
    assert "engine.gpuMemoryUtilizationPercent: 92" in suggest(
        deployment.having("engine.gpuMemoryUtilizationPercent", 80)
    )


def test_another_accelerator_is_named_where_no_setting_helps() -> None:
    single = CONFIG.accelerators["H100-80GB"].model_copy(update={"gpus_per_node": 1})
    config = CONFIG.model_copy(update={"accelerators": {"H100-80GB": single, "H200": CONFIG.accelerators["H200"]}})
    request = resolve(a_deployment().with_model(BF16).with_max_model_len(131_072), config=config)
    suggestions = find_nearest_fitting(request, choose_sizing(request))
    assert ["accelerator: H200 with parallelism.tensor: 2"] == suggestions


def test_a_shorter_context_is_not_suggested_where_the_batch_is_what_does_not_fit() -> None:
    bf16 = "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"
    suggestions = suggest(a_deployment().with_model(bf16).with_tensor(1).having("engine.maxNumSeqs", 1024))
    assert [] == [suggestion for suggestion in suggestions if suggestion.startswith("engine.maxModelLen")]
    assert "engine.maxNumSeqs: 512" in suggestions


@pytest.mark.parametrize(
    ("model", "accelerator", "settings"),
    [
        (FP8, "H100-80GB", ("parallelism.tensor: 1", "engine.maxModelLen: 6144")),
        (BF16, "H100-NVL-94GB", ("parallelism.tensor: 2", "engine.kvCacheDtype: fp8")),
        (BF16, "H100-80GB", ("parallelism.tensor: 2", "engine.maxModelLen: 15360")),
    ],
)
def test_the_next_cheaper_choice_says_what_gives_way(model: str, accelerator: str, settings: tuple[str, ...]) -> None:
    request = resolve(a_deployment().with_model(model).with_accelerator(accelerator))
    cheaper = find_cheaper(request, choose_sizing(request))
    assert cheaper is not None
    assert (True, settings) == (cheaper.sizing.fits, cheaper.settings)


def test_nothing_gives_way_where_more_gpus_were_taken_than_needed() -> None:
    request = resolve(a_deployment().with_tensor(8))
    cheaper = find_cheaper(request, choose_sizing(request))
    assert cheaper is not None
    assert ("parallelism.tensor: 4",) == cheaper.settings


def test_nothing_is_cheaper_than_one_gpu() -> None:
    request = resolve(a_deployment().with_model(NANO))
    assert find_cheaper(request, choose_sizing(request)) is None


def test_the_next_faster_choice_is_the_next_larger_group() -> None:
    request = resolve(a_deployment())
    faster = find_faster(request, choose_sizing(request))
    assert faster is not None
    assert (("parallelism.tensor: 4",), 131_072) == (faster.settings, faster.sizing.max_model_len)


def test_nothing_is_faster_than_a_whole_node() -> None:
    request = resolve(a_deployment().with_tensor(8))
    assert find_faster(request, choose_sizing(request)) is None


def test_the_tensor_parallel_size_can_be_left_to_the_plan_again() -> None:
    request = without_tensor(resolve(a_deployment().with_tensor(4).with_pipeline(2)))
    assert Parallelism(1, 2) == choose_sizing(request).shape.parallelism
