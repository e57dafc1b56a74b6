from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.architecture.model import Architecture
from nemotron_operator.plan.memory.account import EngineShape, GpuMemory, estimate_gpu_memory
from nemotron_operator.plan.memory.engine_memory import find_engine_memory
from nemotron_operator.plan.memory.estimate import Estimate, exactly
from nemotron_operator.plan.memory.kv_cache import KvCacheLayout
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.memory.working_memory import Batch, WorkingMemory
from nemotron_operator.units import GIB, MIB
from tests.accuracy.datapoints import read_model
from tests.support.fixtures.deployments import BF16, FP8, NANO, NANO_9B, SUPER_49B
from tests.support.fixtures.plans import CATALOG

H100_BYTES = 81_008 * MIB
SHAPE = EngineShape(
    parallelism=Parallelism(2),
    batch=Batch(1024, 8192),
    kv_element_bytes=2,
    gpu_memory_utilization_percent=92,
    engine=find_engine_memory("0.33.0"),
)
models = st.sampled_from([FP8, BF16, NANO, NANO_9B, SUPER_49B])
parallelisms = st.builds(Parallelism, st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 3]))


def know(model: str) -> Architecture:
    architecture = CATALOG.entries[model].architecture
    assert architecture is not None
    return architecture


def list_llama_70b_shards(size: int, weight_bytes: int, scale_bytes: int) -> Iterator[int]:
    """List the bytes of every tensor of Llama 3.1 70B that one GPU holds, one by one."""
    hidden, inner, heads, kv_heads = 8192, 28_672 // size, 64 // size * 128, max(1, 8 // size) * 128
    linears = {
        "q_proj": (heads, hidden),
        "k_proj": (kv_heads, hidden),
        "v_proj": (kv_heads, hidden),
        "o_proj": (hidden, heads),
        "gate_proj": (inner, hidden),
        "up_proj": (inner, hidden),
        "down_proj": (hidden, inner),
    }
    for _ in range(80):
        for outputs, inputs in linears.values():
            yield outputs * inputs * weight_bytes
            yield outputs * scale_bytes
        yield hidden * 2  # input_layernorm
        yield hidden * 2  # post_attention_layernorm
    yield -(-128_256 // size) * hidden * 2  # embed_tokens
    yield -(-128_256 // size) * hidden * 2  # lm_head
    yield hidden * 2  # norm


@pytest.mark.parametrize(("model", "weight_bytes", "scale_bytes"), [(FP8, 1, 4), (BF16, 2, 0)])
@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 64])
def test_the_weights_are_the_sum_of_their_tensors(model: str, weight_bytes: int, scale_bytes: int, size: int) -> None:
    memory = estimate_gpu_memory(know(model), replace(SHAPE, parallelism=Parallelism(size)), H100_BYTES)
    assert sum(list_llama_70b_shards(size, weight_bytes, scale_bytes)) == memory.weights_bytes


@pytest.mark.parametrize(
    ("model", "size", "gib"),
    [(FP8, 1, 67.69), (FP8, 2, 33.85), (FP8, 4, 16.92), (FP8, 8, 8.46), (BF16, 1, 131.4), (BF16, 2, 65.7)],
)
def test_the_weights_are_those_of_the_reference(model: str, size: int, gib: float) -> None:
    memory = estimate_gpu_memory(know(model), replace(SHAPE, parallelism=Parallelism(size)), H100_BYTES)
    assert gib == pytest.approx(memory.weights_bytes / GIB, rel=0.001)


def test_experts_without_a_gate_are_widened_to_what_the_kernel_works_on() -> None:
    """3-Nano: 23 layers of 128 experts, two matrices of 2688 by 1856, which becomes 1920 with vLLM 0.17."""
    before, after = (
        estimate_gpu_memory(know(NANO), replace(SHAPE, parallelism=Parallelism(1), engine=engine), H100_BYTES)
        for engine in (find_engine_memory("0.16.0"), find_engine_memory("0.17.0"))
    )
    assert 23 * 128 * 2 * 2688 * (1920 - 1856) == after.weights_bytes - before.weights_bytes


def test_experts_of_a_width_that_the_kernel_takes_are_left_alone() -> None:
    super_120b = know("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8")
    widths = [
        estimate_gpu_memory(super_120b, replace(SHAPE, parallelism=Parallelism(1), engine=engine), H100_BYTES)
        for engine in (find_engine_memory("0.16.0"), find_engine_memory("0.17.0"))
    ]
    assert widths[0].weights_bytes == widths[1].weights_bytes


@pytest.mark.parametrize(("size", "per_gpu"), [(1, 327_680), (2, 163_840), (4, 81_920), (8, 40_960), (16, 40_960)])
def test_keys_and_values_of_a_token_are_split_down_to_one_head(size: int, per_gpu: int) -> None:
    shape = replace(SHAPE, parallelism=Parallelism(size))
    memory = estimate_gpu_memory(know(FP8), shape, H100_BYTES)
    halved = estimate_gpu_memory(know(FP8), replace(shape, kv_element_bytes=1), H100_BYTES)
    assert (327_680, 16 * per_gpu) == (memory.kv_bytes_per_token, memory.layout.block_bytes)
    assert (163_840, 8 * per_gpu) == (halved.kv_bytes_per_token, halved.layout.block_bytes)


def test_the_engine_asks_for_its_share_rounded_up() -> None:
    memory = estimate_gpu_memory(know(FP8), replace(SHAPE, gpu_memory_utilization_percent=33), 1001)
    assert 331 == memory.requested_bytes


def test_the_stage_that_holds_the_fewest_tokens_decides() -> None:
    """Ultra 253B in two stages of 81 blocks, of which 64 have attention."""
    ultra = know("nvidia/Llama-3_1-Nemotron-Ultra-253B-v1")
    shape = replace(SHAPE, parallelism=Parallelism(8, 2))
    memory = estimate_gpu_memory(ultra, shape, H100_BYTES)
    stages = [block.key_values is not None for block in ultra.blocks]
    halves = [sum(stages[:81]), sum(stages[81:])]
    assert 64 == sum(halves)
    assert memory.layout.block_bytes in {16 * 2 * 128 * 2 * layers for layers in halves}
    assert memory.kv_bytes_per_token == 64 * 2 * 8 * 128 * 2


def a_gpu(left_bytes: int, spread_bytes: int = 0) -> GpuMemory:
    """Make a GPU with so much left for blocks of 160 bytes and 16 tokens, give or take a spread."""
    asked_bytes = left_bytes + spread_bytes
    working = WorkingMemory(Estimate(0, spread_bytes, 2 * spread_bytes), exactly(0), exactly(0))
    layout = KvCacheLayout(
        block_bytes=160,
        block_tokens=16,
        attention_groups=1,
        windows=(),
        state_groups=0,
        state_blocks=1,
        in_flight_tokens=64,
    )
    return GpuMemory(asked_bytes, asked_bytes, 0, working, 10, 0, layout)


@pytest.mark.parametrize(("left", "blocks"), [(-5, 0), (0, 0), (159, 0), (160, 1), (319, 1), (320, 2)])
def test_the_cache_is_cut_into_whole_blocks(left: int, blocks: int) -> None:
    assert blocks == a_gpu(left).count_blocks()


def test_tokens_are_counted_for_the_context_that_is_served() -> None:
    assert 1000 * 32 // 63 == a_gpu(32 * 160).count_tokens(1000)


def test_a_sequence_takes_whole_blocks() -> None:
    assert [160, 160, 320] == [a_gpu(0).count_sequence_bytes(tokens) for tokens in (1, 16, 17)]


@pytest.mark.parametrize(("spread", "holds"), [(0, True), (15 * 160, True), (40 * 160, False)])
def test_at_its_worst_less_is_left(spread: int, *, holds: bool) -> None:
    gpu = a_gpu(40 * 160, spread)
    assert gpu.holds(20 * 16)
    assert holds == gpu.holds(20 * 16, is_worst=True)


def test_nothing_is_held_where_nothing_is_left() -> None:
    assert not a_gpu(-1).holds(1)
    assert 0 == a_gpu(-1).find_longest(4096)


@given(models, parallelisms, st.integers(min_value=10, max_value=99), st.integers(min_value=1, max_value=200 * GIB))
def test_all_parts_together_are_what_the_engine_asks_for(
    model: str, parallelism: Parallelism, percent: int, total: int
) -> None:
    wanted = replace(SHAPE, parallelism=parallelism, gpu_memory_utilization_percent=percent)
    memory = estimate_gpu_memory(know(model), wanted, total)
    assert memory.requested_bytes == memory.weights_bytes + memory.working_bytes + memory.kv_cache_bytes
    assert memory.count_blocks() * memory.layout.block_bytes <= max(0, memory.kv_cache_bytes)
    working = memory.working
    assert memory.working_bytes == sum(
        part.expected_bytes for part in (working.activation, working.non_torch, working.graphs)
    )


def test_gpt_oss_may_take_more_with_other_kernels() -> None:
    """P13 and P32 print 65.97 GiB, P22 64.38."""
    memory = estimate_gpu_memory(read_model("gpt-oss-120b"), replace(SHAPE, parallelism=Parallelism()), H100_BYTES)
    assert 64.38 == pytest.approx(memory.weights_bytes / GIB, rel=0.01)
    assert 65.97 == pytest.approx((memory.weights_bytes + memory.other_kernels_bytes) / GIB, rel=0.01)
    working = memory.working.total
    assert memory.kv_cache_bytes_range[0] == memory.kv_cache_bytes - memory.other_kernels_bytes - (
        working.high_bytes - working.expected_bytes
    )


def test_only_experts_in_mxfp4_may_take_more() -> None:
    assert 0 == estimate_gpu_memory(know(NANO), SHAPE, H100_BYTES).other_kernels_bytes
