"""The KV cache: groups and blocks, and how many sequences they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.architecture.reader import read_architecture
from nemotron_operator.plan.memory.engine_memory import find_engine_memory
from nemotron_operator.plan.memory.kv_cache import (
    BLOCK_TOKENS,
    KvCacheLayout,
    count_kv_bytes_per_token,
    count_state_bytes,
    count_state_bytes_per_sequence,
    lay_out,
)
from nemotron_operator.plan.memory.parallelism import Parallelism
from tests.unit.architecture.configs import FAMILIES, LLAMA, NEMOTRON_H, PUZZLE, Config

NEWEST = "0.33.0"

TOKEN_BYTES = 2 * 2 * 16 * 2
"""Keys and values of two heads of 16 channels in BF16, which a layer of these models keeps of a token."""


def lay(  # noqa: PLR0913, PLR0917 - each is one thing that a layout depends on
    config: Config,
    tensor: int = 1,
    pipeline: int = 1,
    rank: int = 0,
    element_bytes: int = 2,
    version: str = NEWEST,
    least_block_tokens: int = BLOCK_TOKENS,
) -> KvCacheLayout:
    """Lay out a model."""
    engine = find_engine_memory(version)
    parallelism = Parallelism(tensor, pipeline)
    return lay_out(read_architecture(config), parallelism, rank, element_bytes, 64, engine, least_block_tokens)


def alternate(full: int, windows: int, **other: object) -> Config:
    """Write a model of so many layers with and without a window."""
    types = ["full_attention"] * full + ["sliding_attention"] * windows
    return {**LLAMA, "num_hidden_layers": full + windows, "layer_types": types, "sliding_window": 32, **other}


def test_layers_that_are_alike_share_one_group() -> None:
    assert KvCacheLayout(3 * TOKEN_BYTES * 16, 16, 1, (), 0, 3, 128) == lay(LLAMA)


def test_layers_of_different_width_share_one_group_too() -> None:
    blocks = [{**PUZZLE["block_configs"][0], "attention": {"n_heads_in_group": heads}} for heads in (1, 4)]
    layout = lay({**PUZZLE, "block_configs": blocks})
    assert (1, (4 + 1) * 2 * 16 * 2 * 16) == (layout.attention_groups, layout.block_bytes)


@pytest.mark.parametrize(
    ("config", "group", "full", "windows"),
    [
        (alternate(12, 12), 12, 1, 1),
        (alternate(8, 17), 8, 1, 3),
        (alternate(10, 12), 12, 1, 1),
        (alternate(10, 15), 10, 1, 2),
        (alternate(12, 5), 5, 3, 1),
    ],
)
def test_kinds_of_layers_are_cut_into_groups_of_one_size(config: Config, group: int, full: int, windows: int) -> None:
    """As many as the rarest kind has, or the most frequent if that is less than half more."""
    layout = lay(config)
    assert (group * TOKEN_BYTES * 16, full, (32,) * windows) == (
        layout.block_bytes,
        layout.attention_groups,
        layout.windows,
    )


def test_older_versions_pad_less() -> None:
    assert [12, 15] == [lay(alternate(12, 15), version=version).block_bytes // TOKEN_BYTES // 16 for version in (
        "0.20.0", NEWEST
    )]  # fmt: skip


def test_a_block_of_attention_holds_the_state_of_a_mamba_layer() -> None:
    """1312 tokens is what vLLM says of Nemotron Nano 9B v2."""
    nano = {
        **NEMOTRON_H,
        "hybrid_override_pattern": "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-",
        "num_attention_heads": 40,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "mamba_num_heads": 128,
        "mamba_head_dim": 80,
        "n_groups": 8,
        "ssm_state_size": 128,
    }
    layout = lay(nano)
    assert (1312, 1, 7, 3) == (
        layout.block_tokens,
        layout.attention_groups,
        layout.state_groups,
        layout.state_blocks,
    )
    assert 4 * 4096 * 1312 == layout.block_bytes
    assert 2608 == lay(nano, element_bytes=1).block_tokens


def test_a_block_that_is_asked_for_is_enlarged_in_steps_of_its_own_size() -> None:
    """The state is of 4 heads of 8 by 16 in float32 and of 96 channels of 3 in BF16: 2624 bytes, 21 tokens."""
    assert [(1, 32, 32), (1, 24, 24), (1, 32, 32)] == [
        (layout.attention_groups, layout.block_tokens, layout.block_bytes // TOKEN_BYTES)
        for layout in (
            lay({**NEMOTRON_H, "hybrid_override_pattern": "M*"}, least_block_tokens=tokens) for tokens in (16, 24, 32)
        )
    ]
    assert 3 * TOKEN_BYTES * 64 == lay(LLAMA, least_block_tokens=64).block_bytes


def test_a_stage_holds_its_share_of_the_whole_models_groups() -> None:
    """Twelve layers of each kind are two groups, of which each stage has six layers."""
    config = {**alternate(0, 0), "num_hidden_layers": 24, "layer_types": ["full_attention", "sliding_attention"] * 12}
    stages = [lay(config, pipeline=2, rank=rank) for rank in (0, 1)]
    assert [6 * TOKEN_BYTES * 16] * 2 == [stage.block_bytes for stage in stages]
    assert {(1, (32,))} == {(stage.attention_groups, stage.windows) for stage in stages}


def test_a_block_of_a_stage_is_as_large_as_its_largest_group() -> None:
    layouts = [lay(alternate(4, 4), pipeline=2, rank=rank) for rank in (0, 1)]
    assert [4 * TOKEN_BYTES * 16] * 2 == [layout.block_bytes for layout in layouts]
    assert {(1, (32,))} == {(layout.attention_groups, layout.windows) for layout in layouts}


def test_steps_that_are_under_way_keep_their_tokens() -> None:
    assert [64, 128, 192] == [
        lay(LLAMA, pipeline=pipeline, version=version).in_flight_tokens
        for pipeline, version in ((1, "0.20.0"), (1, NEWEST), (2, NEWEST))
    ]


@pytest.mark.parametrize(("tokens", "blocks"), [(1, 1 + 2), (16, 1 + 2), (17, 2 + 3), (1000, 63 + 11)])
def test_a_window_stops_growing(tokens: int, blocks: int) -> None:
    """31 tokens that it sees and 128 that are under way are ten blocks, and it may begin inside of one."""
    assert blocks == lay(alternate(2, 2)).count_blocks_per_sequence(tokens)


def test_kv_heads_are_repeated_in_a_large_group() -> None:
    assert [2, 1, 1] == [lay(LLAMA, tensor=size).block_bytes // (3 * TOKEN_BYTES * 16 // 2) for size in (1, 2, 4)]


def test_keys_and_values_of_a_token() -> None:
    architecture = read_architecture(LLAMA)
    assert 3 * TOKEN_BYTES == count_kv_bytes_per_token(architecture, 2)
    assert 3 * TOKEN_BYTES // 2 == count_kv_bytes_per_token(architecture, 1)


@pytest.mark.parametrize(("tensor", "channels", "heads"), [(1, 32 + 2 * 2 * 16, 4), (2, 16 + 2 * 16, 2)])
def test_the_state_of_a_mamba_layer(tensor: int, channels: int, heads: int) -> None:
    [state] = read_architecture(NEMOTRON_H).find_states()
    assert channels * 3 * 2 + heads * 8 * 16 * 4 == count_state_bytes(state, tensor)


def test_the_states_of_a_sequence_are_those_of_all_mamba_layers() -> None:
    architecture = read_architecture({**NEMOTRON_H, "hybrid_override_pattern": "M*MM"})
    assert 3 * count_state_bytes(architecture.find_states()[0], 1) == count_state_bytes_per_sequence(architecture)


def test_one_group_is_repeated_in_the_state() -> None:
    [state] = read_architecture({**NEMOTRON_H, "n_groups": 1}).find_states()
    assert (8 + 2 * 16) * 3 * 2 + 8 * 16 * 4 == count_state_bytes(state, 4)


def test_the_format_of_the_state_may_be_told() -> None:
    wide, narrow = (
        count_state_bytes_per_sequence(read_architecture({**NEMOTRON_H, "mamba_ssm_cache_dtype": dtype}))
        for dtype in ("float32", "bfloat16")
    )
    assert 4 * 8 * 16 * 2 == wide - narrow


def test_a_model_that_keeps_nothing_has_no_blocks() -> None:
    layout = lay({**NEMOTRON_H, "hybrid_override_pattern": "--"})
    assert (0, 0, 0) == (layout.block_bytes, layout.count_blocks(10**9), layout.count_concurrent(10**9, 10))


def test_a_model_of_mamba_alone_has_a_block_for_all_layers() -> None:
    layout = lay({**NEMOTRON_H, "hybrid_override_pattern": "MM"})
    assert 2 * count_state_bytes_per_sequence(read_architecture(NEMOTRON_H)) == layout.block_bytes
    assert 3 == layout.count_blocks_per_sequence(10**6)


def test_vllm_holds_one_block_back() -> None:
    layout = lay(LLAMA)
    assert [0, 1] == [layout.count_concurrent(blocks * layout.block_bytes, 160) for blocks in (10, 11)]
    assert 160 == layout.find_longest(11 * layout.block_bytes, 1000)


def test_no_memory_holds_nothing() -> None:
    layout = lay(LLAMA)
    assert (0, 0, 0) == (layout.count_blocks(-5), layout.count_concurrent(-5, 10), layout.find_longest(-5, 10))


@given(
    name=st.sampled_from(sorted(FAMILIES)),
    available_bytes=st.integers(0, 10**8),
    limit=st.integers(1, 10**6),
)
def test_the_longest_sequence_fits_and_a_longer_one_does_not(name: str, available_bytes: int, limit: int) -> None:
    layout = lay(FAMILIES[name])
    longest = layout.find_longest(available_bytes, limit)
    assert longest == 0 or layout.count_concurrent(available_bytes, longest) >= 1
    assert longest == limit or layout.count_concurrent(available_bytes, longest + 1) == 0
