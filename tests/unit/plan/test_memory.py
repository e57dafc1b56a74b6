from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.catalog.entry import Geometry, Quantization
from nemotron_operator.plan.memory import (
    GIB,
    KV_BLOCK_TOKENS,
    MIB,
    EngineShape,
    GpuMemory,
    count_kv_bytes_per_token,
    count_repository_bytes,
    count_weights_bytes,
    estimate_gpu_memory,
)
from tests.support.fixtures.deployments import BF16, FP8
from tests.support.fixtures.plans import CATALOG
from tests.support.fixtures.requests import models, tensor_sizes

PER_CHANNEL_FP8 = CATALOG.entries[FP8].quantization
UNQUANTISED = CATALOG.entries[BF16].quantization
LLAMA_70B = CATALOG.entries[FP8].geometry
LLAMA_8B = Geometry(
    layers=32,
    hidden_size=4096,
    intermediate_size=14_336,
    attention_heads=32,
    kv_heads=8,
    head_dim=128,
    vocab_size=128_256,
)
H100_BYTES = 81_008 * MIB


def shape(**changes: int) -> EngineShape:
    default = EngineShape(
        tensor_parallel_size=2,
        max_num_seqs=1024,
        max_num_batched_tokens=8192,
        kv_element_bytes=2,
        gpu_memory_utilization_percent=92,
    )
    return replace(default, **changes)


def list_shards(geometry: Geometry, quantization: Quantization, size: int) -> Iterator[int]:
    """List the bytes of every tensor that one GPU holds, one by one."""
    hidden, inner = geometry.hidden_size, geometry.intermediate_size // size
    heads = geometry.attention_heads // size * geometry.head_dim
    kv_heads = max(1, geometry.kv_heads // size) * geometry.head_dim
    linears = {
        "q_proj": (heads, hidden),
        "k_proj": (kv_heads, hidden),
        "v_proj": (kv_heads, hidden),
        "o_proj": (hidden, heads),
        "gate_proj": (inner, hidden),
        "up_proj": (inner, hidden),
        "down_proj": (hidden, inner),
    }
    for _ in range(geometry.layers):
        for outputs, inputs in linears.values():
            yield outputs * inputs * quantization.linear_weight_bytes
            yield outputs * quantization.per_channel_scale_bytes
        yield hidden * 2  # input_layernorm
        yield hidden * 2  # post_attention_layernorm
    padded = -(-geometry.vocab_size // 64) * 64
    yield -(-padded // size) * hidden * 2  # embed_tokens
    yield -(-padded // size) * hidden * 2  # lm_head
    yield hidden * 2  # norm


@pytest.mark.parametrize("model", [FP8, BF16])
@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 64])
def test_the_weights_are_the_sum_of_their_tensors(model: str, size: int) -> None:
    entry = CATALOG.entries[model]
    expected = sum(list_shards(entry.geometry, entry.quantization, size))
    assert expected == count_weights_bytes(entry.geometry, entry.quantization, size)


@pytest.mark.parametrize(
    ("model", "size", "gib"),
    [(FP8, 1, 67.69), (FP8, 2, 33.85), (FP8, 4, 16.92), (FP8, 8, 8.46), (BF16, 1, 131.4), (BF16, 2, 65.7)],
)
def test_the_weights_are_those_of_the_reference(model: str, size: int, gib: float) -> None:
    entry = CATALOG.entries[model]
    weights = count_weights_bytes(entry.geometry, entry.quantization, size) / GIB
    assert gib == pytest.approx(weights, rel=0.001)


@pytest.mark.parametrize(
    ("row", "geometry", "quantization", "size", "gib"),
    [
        ("D1: Llama-3.3-70B FP8-dynamic, H100", LLAMA_70B, PER_CHANNEL_FP8, 2, 33.88),
        ("D16: Llama-3.1-70B w8a8, A40", LLAMA_70B, PER_CHANNEL_FP8, 2, 33.8807),
        ("D3: Llama-3.1-8B BF16, H100", LLAMA_8B, UNQUANTISED, 1, 14.99),
        ("D14: Llama-3-8B BF16", LLAMA_8B, UNQUANTISED, 1, 14.96),
        ("D17: Llama-3.1-8B FP8-dynamic", LLAMA_8B, PER_CHANNEL_FP8, 1, 8.4939),
    ],
)
def test_the_weights_are_those_that_others_measured(
    row: str, geometry: Geometry, quantization: Quantization, size: int, gib: float
) -> None:
    assert gib == pytest.approx(count_weights_bytes(geometry, quantization, size) / GIB, rel=0.01), row


def test_the_kv_cache_is_what_others_measured() -> None:
    """D1: 32.00 GiB on an H100 of 79.18 GiB at 0.90, 1024 sequences, tensor parallel size 2; errs towards refusing."""
    memory = estimate_gpu_memory(
        CATALOG.entries[FP8], shape(gpu_memory_utilization_percent=90), int(79.18 * GIB)
    ).kv_cache_bytes
    assert 0.97 * 32.00 < memory / GIB < 32.00


@pytest.mark.parametrize(("size", "per_gpu"), [(1, 327_680), (2, 163_840), (4, 81_920), (8, 40_960), (16, 40_960)])
def test_keys_and_values_of_a_token_are_split_down_to_one_head(size: int, per_gpu: int) -> None:
    assert per_gpu == count_kv_bytes_per_token(LLAMA_70B, size, 2)
    assert per_gpu // 2 == count_kv_bytes_per_token(LLAMA_70B, size, 1)


def test_the_engine_asks_for_its_share_rounded_up() -> None:
    memory = estimate_gpu_memory(CATALOG.entries[FP8], shape(gpu_memory_utilization_percent=33), 1001)
    assert 331 == memory.requested_bytes


def test_the_working_memory_follows_the_published_classes() -> None:
    memory = estimate_gpu_memory(CATALOG.entries[FP8], shape(), H100_BYTES)
    assert 4.84 == pytest.approx(memory.activation_bytes / GIB, rel=0.01)
    assert 0.55 == pytest.approx(memory.non_torch_bytes / GIB, rel=0.01)
    assert 0.5 == memory.cuda_graph_bytes / GIB
    assert memory.activation_bytes + memory.non_torch_bytes + memory.cuda_graph_bytes == memory.working_bytes


def test_fewer_sequences_free_memory_until_the_forward_pass_is_the_peak() -> None:
    peaks = [
        estimate_gpu_memory(CATALOG.entries[FP8], shape(max_num_seqs=count), H100_BYTES).activation_bytes
        for count in (1024, 512, 8, 1)
    ]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] > peaks[1] > peaks[2] == peaks[3]


def test_more_tokens_in_a_step_take_more_memory() -> None:
    peaks = [
        estimate_gpu_memory(
            CATALOG.entries[FP8], shape(max_num_seqs=1, max_num_batched_tokens=tokens), H100_BYTES
        ).activation_bytes
        for tokens in (2048, 8192, 65_536)
    ]
    assert peaks == sorted(set(peaks))


def a_gpu(kv_cache_bytes: int, kv_bytes_per_token: int = 10) -> GpuMemory:
    return GpuMemory(
        total_bytes=0,
        requested_bytes=kv_cache_bytes,
        weights_bytes=0,
        activation_bytes=0,
        non_torch_bytes=0,
        cuda_graph_bytes=0,
        kv_bytes_per_token=kv_bytes_per_token,
    )


@pytest.mark.parametrize(("left", "tokens"), [(-5, 0), (0, 0), (159, 0), (160, 16), (319, 16), (320, 32)])
def test_the_cache_holds_whole_blocks_only(left: int, tokens: int) -> None:
    assert tokens == a_gpu(left).kv_cache_tokens


@given(models, tensor_sizes, st.integers(min_value=10, max_value=99), st.integers(min_value=1, max_value=200 * GIB))
def test_all_parts_together_are_what_the_engine_asks_for(model: str, size: int, percent: int, total: int) -> None:
    wanted = shape(tensor_parallel_size=size, gpu_memory_utilization_percent=percent)
    memory = estimate_gpu_memory(CATALOG.entries[model], wanted, total)
    assert memory.requested_bytes == memory.weights_bytes + memory.working_bytes + memory.kv_cache_bytes
    assert 0 == memory.kv_cache_tokens % KV_BLOCK_TOKENS
    assert memory.kv_cache_tokens * memory.kv_bytes_per_token <= max(0, memory.kv_cache_bytes)


@given(models, st.sampled_from([(1, 2), (2, 4), (4, 8)]))
def test_a_larger_group_holds_less_on_each_gpu_and_not_less_in_all(model: str, sizes: tuple[int, int]) -> None:
    entry = CATALOG.entries[model]
    small, large = (count_weights_bytes(entry.geometry, entry.quantization, size) for size in sizes)
    assert large < small <= 2 * large


def test_the_repository_is_what_one_gpu_would_hold() -> None:
    entry = CATALOG.entries[FP8]
    assert count_weights_bytes(entry.geometry, entry.quantization, 1) == count_repository_bytes(entry)
