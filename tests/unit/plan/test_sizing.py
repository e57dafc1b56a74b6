import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nemotron_operator.config import AcceleratorProfile, OperatorConfig
from nemotron_operator.plan.sizing import (
    CONTEXT_STEP_TOKENS,
    SHORTEST_AUTOMATIC_CONTEXT_TOKENS,
    choose_sizing,
    list_legal_tensor_parallel_sizes,
    size_replica,
)
from tests.support.fixtures.deployments import BF16, FP8, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import CATALOG, CONFIG, config_with_profile, resolve
from tests.support.fixtures.requests import models, one_profile_configs, sizing_requests, tensor_sizes

GEOMETRY = CATALOG.entries[FP8].geometry


def test_legal_sizes_divide_heads_and_width_and_split_or_repeat_kv_heads() -> None:
    assert [1, 2, 4, 8] == list_legal_tensor_parallel_sizes(GEOMETRY, 8)
    assert [1, 2, 4, 8, 16, 32, 64] == list_legal_tensor_parallel_sizes(GEOMETRY, 128)


def test_a_width_that_cannot_be_split_is_illegal() -> None:
    odd = GEOMETRY.model_copy(update={"intermediate_size": 28_676})
    assert [1, 2, 4] == list_legal_tensor_parallel_sizes(odd, 8)


def test_kv_heads_are_split_or_repeated_whole() -> None:
    odd = GEOMETRY.model_copy(update={"attention_heads": 48, "kv_heads": 6, "intermediate_size": 48 * 600})
    assert [1, 2, 3, 6, 12, 24] == list_legal_tensor_parallel_sizes(odd, 24)


@pytest.mark.parametrize(
    ("model", "accelerator", "size", "context", "full_length"),
    [
        (FP8, "H100-80GB", 2, 131_072, 1),
        (FP8, "H100-PCIe-80GB", 2, 131_072, 1),
        (FP8, "H100-NVL-94GB", 2, 131_072, 2),
        (FP8, "H200", 1, 131_072, 1),
        (BF16, "H100-80GB", 4, 131_072, 3),
        (BF16, "H100-NVL-94GB", 4, 131_072, 4),
        (BF16, "H200", 2, 131_072, 2),
    ],
)
def test_the_decision_table(model: str, accelerator: str, size: int, context: int, full_length: int) -> None:
    sizing = choose_sizing(resolve(a_deployment().with_model(model).with_accelerator(accelerator)))
    assert (True, size, context) == (sizing.fits, sizing.shape.tensor_parallel_size, sizing.max_model_len)
    assert full_length == sizing.memory.kv_cache_tokens // context


@pytest.mark.parametrize(
    ("model", "accelerator", "size", "context"),
    [
        (FP8, "H100-80GB", 2, 131_072),
        (FP8, "H100-NVL-94GB", 1, 39_936),
        (BF16, "H100-80GB", 2, 7168),
        (BF16, "H100-NVL-94GB", 2, 91_136),
        (BF16, "H200", 2, 131_072),
    ],
)
def test_a_given_size_gets_the_longest_context_that_fits(model: str, accelerator: str, size: int, context: int) -> None:
    deployment = a_deployment().with_model(model).with_accelerator(accelerator).with_tensor(size)
    sizing = choose_sizing(resolve(deployment))
    assert (True, context) == (sizing.fits, sizing.max_model_len)
    longer = size_replica(resolve(deployment), size, context + CONTEXT_STEP_TOKENS)
    assert not longer.fits or context == 131_072


@pytest.mark.parametrize(
    ("model", "accelerator", "context", "size"),
    [
        (FP8, "H100-NVL-94GB", 4096, 1),
        (FP8, "H100-80GB", 4096, 2),
        (BF16, "H100-80GB", 4096, 2),
        (BF16, "H100-80GB", 32_768, 4),
        (BF16, "H200", 4096, 2),
    ],
)
def test_a_given_context_gets_the_smallest_size(model: str, accelerator: str, context: int, size: int) -> None:
    deployment = a_deployment().with_model(model).with_accelerator(accelerator).with_max_model_len(context)
    sizing = choose_sizing(resolve(deployment))
    assert (True, size) == (sizing.fits, sizing.shape.tensor_parallel_size)


def test_a_context_that_nobody_asked_for_is_not_made_uselessly_short() -> None:
    tight = config_with_profile(AcceleratorProfile(node_labels={}, usable_memory_mib=80_500, gpus_per_node=1))
    sizing = choose_sizing(resolve(a_deployment(), config=tight))
    assert (False, SHORTEST_AUTOMATIC_CONTEXT_TOKENS) == (sizing.fits, sizing.max_model_len)


@pytest.mark.parametrize(
    ("sequences", "tokens", "planned"),
    [(None, None, (1024, 8192)), (None, 512, (512, 512)), (64, None, (64, 8192)), (64, 16_384, (64, 16_384))],
)
def test_a_step_has_at_least_as_many_tokens_as_sequences(
    sequences: int | None, tokens: int | None, planned: tuple[int, int]
) -> None:
    deployment = a_deployment()
    if sequences is not None:
        deployment = deployment.having("engine.maxNumSeqs", sequences)
    if tokens is not None:
        deployment = deployment.having("engine.maxNumBatchedTokens", tokens)
    shape = choose_sizing(resolve(deployment)).shape
    assert planned == (shape.max_num_seqs, shape.max_num_batched_tokens)


def test_defaults_come_from_the_accelerator_and_the_configuration() -> None:
    profile = CONFIG.accelerators["H100-80GB"].model_copy(update={"max_num_seqs": 256, "max_num_batched_tokens": 2048})
    config = config_with_profile(profile).model_copy(update={"gpu_memory_utilization_percent": 85})
    shape = choose_sizing(resolve(a_deployment(), config=config)).shape
    assert (256, 2048, 85) == (shape.max_num_seqs, shape.max_num_batched_tokens, shape.gpu_memory_utilization_percent)


@given(sizing_requests(), one_profile_configs())
def test_the_chosen_size_is_the_smallest_of_all_that_fit(deployment: DeploymentBuilder, config: OperatorConfig) -> None:
    request = resolve(deployment.having("accelerator", "any"), config=config)
    assume(request.spec.parallelism.tensor is None)
    context = request.spec.engine.max_model_len or request.known_entry.context.max_model_len
    legal = list_legal_tensor_parallel_sizes(request.known_entry.geometry, request.known_profile.gpus_per_node)
    fitting = [size for size in legal if size_replica(request, size, context).fits]
    sizing = choose_sizing(request)
    if fitting:
        assert (fitting[0], context) == (sizing.shape.tensor_parallel_size, sizing.max_model_len)
    else:
        assert legal[-1] == sizing.shape.tensor_parallel_size
        assert sizing.max_model_len <= context


@given(sizing_requests(), st.sampled_from([(1, 2), (2, 4), (4, 8)]), st.integers(min_value=256, max_value=131_072))
def test_what_fits_a_group_fits_a_larger_one(
    deployment: DeploymentBuilder, sizes: tuple[int, int], context: int
) -> None:
    small, large = (size_replica(resolve(deployment), size, context) for size in sizes)
    assert large.memory.kv_cache_tokens >= small.memory.kv_cache_tokens
    assert large.fits or not small.fits


@given(sizing_requests(), tensor_sizes, st.integers(min_value=256, max_value=131_072))
def test_what_fits_a_context_fits_a_shorter_one(deployment: DeploymentBuilder, size: int, context: int) -> None:
    request = resolve(deployment)
    assert size_replica(request, size, context // 2).fits or not size_replica(request, size, context).fits


@given(models, tensor_sizes, st.integers(min_value=10, max_value=98))
def test_a_larger_share_of_the_memory_holds_more(model: str, size: int, percent: int) -> None:
    deployment = a_deployment().with_model(model)
    less, more = (
        size_replica(resolve(deployment.having("engine.gpuMemoryUtilizationPercent", share)), size, 4096).memory
        for share in (percent, percent + 1)
    )
    assert more.kv_cache_tokens >= less.kv_cache_tokens
    assert more.kv_cache_bytes > less.kv_cache_bytes


@given(models, tensor_sizes)
def test_half_the_bytes_of_an_element_hold_twice_the_tokens(model: str, size: int) -> None:
    deployment = a_deployment().with_model(model).with_accelerator("H200")
    auto, fp8 = (
        size_replica(resolve(deployment.having("engine.kvCacheDtype", kind)), size, 4096).memory.kv_cache_tokens
        for kind in ("auto", "fp8")
    )
    assert 2 * auto <= fp8 <= 2 * auto + 32
