import pytest

from nemotron_operator.config import AcceleratorProfile
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.sizing import (
    CONTEXT_STEP_TOKENS,
    SHORTEST_AUTOMATIC_CONTEXT_TOKENS,
    choose_sizing,
    list_parallelisms,
    size_replica,
)
from nemotron_operator.units import GIB
from tests.support.fixtures.deployments import BF16, FP8, NANO, NANO_9B, SUPER_49B, a_deployment
from tests.support.fixtures.plans import CONFIG, config_with_profile, resolve

NANO_BF16 = "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"


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
        (SUPER_49B, "H100-80GB", 2, 131_072, 1),
        (SUPER_49B, "H200", 1, 131_072, 1),
        (NANO, "H100-80GB", 1, 262_144, 42),
        (NANO_BF16, "H100-80GB", 1, 262_144, 7),
        (NANO_9B, "H100-80GB", 1, 131_072, 21),
    ],
)
def test_the_decision_table(model: str, accelerator: str, size: int, context: int, full_length: int) -> None:
    sizing = choose_sizing(resolve(a_deployment().with_model(model).with_accelerator(accelerator)))
    assert (True, Parallelism(size), context) == (sizing.fits, sizing.shape.parallelism, sizing.max_model_len)
    assert full_length == sizing.memory.count_concurrent(context)


@pytest.mark.parametrize(
    ("model", "accelerator", "size"),
    [
        (FP8, "H100-80GB", 2),
        (FP8, "H100-NVL-94GB", 1),
        (BF16, "H100-NVL-94GB", 2),
        (BF16, "H200", 2),
    ],
)
def test_a_given_size_gets_the_longest_context_that_fits_at_the_worst(model: str, accelerator: str, size: int) -> None:
    deployment = a_deployment().with_model(model).with_accelerator(accelerator).with_tensor(size)
    sizing = choose_sizing(resolve(deployment))
    assert sizing.is_certain
    longer = size_replica(resolve(deployment), Parallelism(size), sizing.max_model_len + CONTEXT_STEP_TOKENS)
    assert not longer.is_certain or sizing.max_model_len == resolve(deployment).known_entry.context.max_model_len


def test_a_context_that_is_only_expected_to_fit_is_no_longer_than_the_shortest() -> None:
    sizing = choose_sizing(resolve(a_deployment().with_tensor(1)))
    assert (True, False, SHORTEST_AUTOMATIC_CONTEXT_TOKENS) == (sizing.fits, sizing.is_certain, sizing.max_model_len)


@pytest.mark.parametrize(
    ("model", "accelerator", "context", "size"),
    [
        (FP8, "H100-80GB", 4096, 1),
        (FP8, "H100-80GB", 32_768, 2),
        (FP8, "H100-NVL-94GB", 32_768, 1),
        (BF16, "H100-80GB", 4096, 2),
        (BF16, "H100-80GB", 32_768, 4),
        (BF16, "H200", 4096, 2),
    ],
)
def test_a_given_context_gets_the_smallest_size(model: str, accelerator: str, context: int, size: int) -> None:
    deployment = a_deployment().with_model(model).with_accelerator(accelerator).with_max_model_len(context)
    sizing = choose_sizing(resolve(deployment))
    assert (True, Parallelism(size)) == (sizing.fits, sizing.shape.parallelism)


def test_a_small_batch_and_half_the_cache_put_the_70b_on_one_gpu() -> None:
    """P61: 8 sequences and an FP8 KV cache; without them it fails (P2)."""
    deployment = a_deployment().with_tensor(1).with_max_model_len(16_000)
    helped = deployment.having("engine.maxNumSeqs", 8).having("engine.kvCacheDtype", "fp8")
    tight, roomy = (
        each.having("engine.gpuMemoryUtilizationPercent", percent) for each, percent in ((deployment, 90), (helped, 95))
    )
    assert not choose_sizing(resolve(tight)).fits
    assert choose_sizing(resolve(roomy)).is_certain


def test_stages_share_the_gpus_of_a_node() -> None:
    request = resolve(a_deployment().with_pipeline(2))
    assert [Parallelism(size, 2) for size in (1, 2, 4)] == list_parallelisms(request)
    sizing = choose_sizing(request)
    assert (True, 2) == (sizing.fits, sizing.gpus)


def test_a_context_that_nobody_asked_for_is_not_made_uselessly_short() -> None:
    tight = config_with_profile(AcceleratorProfile(node_labels={}, usable_memory_mib=78_000, gpus_per_node=1))
    sizing = choose_sizing(resolve(a_deployment(), config=tight))
    assert (False, SHORTEST_AUTOMATIC_CONTEXT_TOKENS) == (sizing.fits, sizing.max_model_len)


@pytest.mark.parametrize(("model", "gpus", "unset_gpus"), [(FP8, 2, 2), (BF16, 4, 4)])
def test_an_automatic_context_takes_the_fewest_gpus_that_are_certain(model: str, gpus: int, unset_gpus: int) -> None:
    automatic = choose_sizing(resolve(a_deployment().with_model(model).with_max_model_len("auto")))
    unset = choose_sizing(resolve(a_deployment().with_model(model)))
    assert (gpus, True) == (automatic.gpus, automatic.is_certain)
    assert (unset_gpus, 131_072) == (unset.gpus, unset.max_model_len)


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
    batch = choose_sizing(resolve(deployment)).shape.batch
    assert planned == (batch.max_num_seqs, batch.max_num_batched_tokens)


def test_defaults_come_from_the_accelerator_and_the_configuration() -> None:
    profile = CONFIG.accelerators["H100-80GB"].model_copy(update={"max_num_seqs": 256, "max_num_batched_tokens": 2048})
    config = config_with_profile(profile).model_copy(update={"gpu_memory_utilization_percent": 85})
    shape = choose_sizing(resolve(a_deployment(), config=config)).shape
    assert (256, 2048) == (shape.batch.max_num_seqs, shape.batch.max_num_batched_tokens)
    assert 85 == shape.gpu_memory_utilization_percent


def test_a_batch_that_nobody_asked_for_has_a_block_for_every_state() -> None:
    sizing = choose_sizing(resolve(a_deployment().with_model(NANO_BF16)))
    assert (True, 512) == (sizing.holds_states, sizing.shape.batch.max_num_seqs)
    assert 512 <= sizing.memory.count_blocks() < 1024


def test_a_batch_that_the_user_asked_for_stands_and_does_not_fit() -> None:
    sizing = choose_sizing(
        resolve(a_deployment().with_model(NANO_BF16).with_tensor(1).having("engine.maxNumSeqs", 1024))
    )
    assert (False, False, 1024) == (sizing.fits, sizing.holds_states, sizing.shape.batch.max_num_seqs)
    assert sizing.memory.holds(sizing.max_model_len)


def test_a_batch_is_certain_only_with_a_block_for_every_state_at_the_worst() -> None:
    deployment = a_deployment().with_model(NANO_BF16).with_tensor(1).with_max_model_len(4096)
    at_worst, in_between = (
        choose_sizing(resolve(deployment.having("engine.maxNumSeqs", count))) for count in (512, 850)
    )
    assert (True, True) == (at_worst.fits, at_worst.is_certain)
    assert in_between.memory.count_blocks(is_worst=True) < 850 <= in_between.memory.count_blocks()
    assert (True, False) == (in_between.fits, in_between.is_certain)


def test_an_eager_engine_needs_no_block_for_every_state_and_no_graphs() -> None:
    deployment = a_deployment().with_model(NANO_BF16).with_tensor(1).having("engine.maxNumSeqs", 1024)
    eager = choose_sizing(resolve(deployment.with_extra_args("--enforce-eager")))
    assert eager.fits
    assert 0 == eager.memory.working.graphs.high_bytes


def test_without_prefix_caching_a_sequence_keeps_only_its_current_state() -> None:
    deployment = a_deployment().with_model(NANO)
    cached = choose_sizing(resolve(deployment)).memory
    uncached = choose_sizing(resolve(deployment.with_extra_args("--no-enable-prefix-caching"))).memory
    assert (3, 1) == (cached.layout.state_blocks, uncached.layout.state_blocks)
    assert uncached.count_concurrent(4096) > cached.count_concurrent(4096)


@pytest.mark.parametrize(("wanted", "kv_bytes"), [("auto", 3072), ("fp8", 3072), ("bfloat16", 6144)])
def test_the_format_of_the_cache_is_the_checkpoints_unless_the_user_names_one(wanted: str, kv_bytes: int) -> None:
    deployment = a_deployment().with_model(NANO).having("engine.kvCacheDtype", wanted)
    assert kv_bytes == choose_sizing(resolve(deployment)).memory.kv_bytes_per_token


def test_an_older_engine_leaves_less() -> None:
    """The sampler of vLLM 0.11 sorts: 1024 rows of 128256 logits take 2.9 GiB more."""
    deployment = a_deployment().with_tensor(2)
    old = choose_sizing(resolve(deployment.having("engine.image", "vllm/vllm-openai:v0.11.0"))).memory
    new = choose_sizing(resolve(deployment)).memory
    assert 2.9 == pytest.approx(
        (old.working.activation.expected_bytes - new.working.activation.expected_bytes) / GIB, abs=0.1
    )


def test_an_engine_that_is_told_the_size_of_its_cache_gets_that_and_not_what_is_left() -> None:
    told = AcceleratorProfile(node_labels={}, usable_memory_mib=81_000, kv_cache_mib=30_720)
    memory = choose_sizing(resolve(a_deployment().with_tensor(2), config=config_with_profile(told))).memory
    expected = 30 * 1024**3
    assert (expected, (expected, expected)) == (memory.kv_cache_bytes, memory.kv_cache_bytes_range)


@pytest.mark.parametrize(("told_mib", "total_mib"), [(1024, 8192), (60_000, 81_000)])
def test_a_cache_of_a_told_size_is_no_room_where_weights_and_working_memory_leave_less(
    told_mib: int, total_mib: int
) -> None:
    told = AcceleratorProfile(node_labels={}, usable_memory_mib=total_mib, kv_cache_mib=told_mib)
    left = told.model_copy(update={"kv_cache_mib": None})
    sized, room = (
        size_replica(resolve(a_deployment(), config=config_with_profile(profile)), Parallelism(2), 4096)
        for profile in (told, left)
    )
    assert (False, False, False) == (sized.fits, sized.is_certain, sized.is_possible)
    assert room.memory.kv_cache_bytes - told_mib * 1024**2 == sized.memory.kv_cache_bytes < 0


def test_a_cache_of_a_told_size_holds_its_context_wherever_the_estimates_are() -> None:
    told = AcceleratorProfile(node_labels={}, usable_memory_mib=81_000, kv_cache_mib=33_600)
    request = resolve(a_deployment().with_tensor(2), config=config_with_profile(told))
    memory = size_replica(request, Parallelism(2), 4096).memory
    assert memory.requested_bytes - memory.weights_bytes - memory.working.total.high_bytes < 33_600 * 1024**2
    assert (33_600 * 1024**2,) * 2 == memory.kv_cache_bytes_range
    assert memory.find_longest(1 << 20) == memory.find_longest(1 << 20, is_worst=True)
