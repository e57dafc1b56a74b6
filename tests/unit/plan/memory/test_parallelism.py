"""How a model is cut: stages, and the sizes that vLLM accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.architecture.reader import read_architecture
from nemotron_operator.plan.memory.parallelism import (
    Parallelism,
    explain_illegal_pipeline,
    explain_illegal_size,
    list_legal_tensor_parallel_sizes,
    list_stages,
)
from tests.unit.architecture.configs import FAMILIES, LLAMA, MIXTRAL, NEMOTRON_H, PUZZLE, Config, make_compressed


def explain(config: Config, size: int) -> str | None:
    """Say why a tensor parallel size is refused."""
    return explain_illegal_size(read_architecture(config), size)


def test_a_replica_has_the_gpus_of_all_stages() -> None:
    assert 12 == Parallelism(4, 3).gpus


@pytest.mark.parametrize(
    ("layers", "size", "lengths"),
    [
        (80, 1, [80]),
        (80, 2, [40, 40]),
        (5, 2, [3, 2]),
        (10, 4, [2, 3, 3, 2]),
        (11, 4, [3, 3, 3, 2]),
        (3, 3, [1, 1, 1]),
    ],
)
def test_what_is_left_over_goes_to_the_stages_before_the_last(layers: int, size: int, lengths: list[int]) -> None:
    stages = list_stages(read_architecture({**LLAMA, "num_hidden_layers": layers}), size)
    assert lengths == [len(stage.blocks) for stage in stages]


@given(layers=st.integers(1, 130), size=st.integers(1, 16))
def test_stages_hold_every_block_once_and_in_order(layers: int, size: int) -> None:
    architecture = read_architecture({**NEMOTRON_H, "hybrid_override_pattern": ("M-*E" * 33)[:layers]})
    stages = list_stages(architecture, size)
    assert architecture.blocks == tuple(block for stage in stages for block in stage.blocks)
    assert [rank == 0 for rank in range(size)] == [stage.is_first for stage in stages]
    assert [rank == size - 1 for rank in range(size)] == [stage.is_last for stage in stages]


def test_legal_sizes_of_a_llama() -> None:
    assert [1, 2, 4] == list_legal_tensor_parallel_sizes(read_architecture(LLAMA), 16)


REFUSED: list[tuple[Config, int, str]] = [
    (LLAMA, 3, "does not divide the model's 4 attention heads"),
    ({**LLAMA, "num_attention_heads": 6, "num_key_value_heads": 3}, 2, "neither divides the model's 3 KV heads nor"),
    ({**LLAMA, "intermediate_size": 97}, 2, "does not divide the model's feed-forward width of 97"),
    ({**MIXTRAL, "intermediate_size": 97}, 2, "does not divide the experts' feed-forward width of 97"),
    ({**NEMOTRON_H, "mamba_num_heads": 3}, 2, "does not divide the model's 3 Mamba heads"),
    ({**NEMOTRON_H, "n_groups": 3}, 2, "does not divide the model's 3 Mamba groups"),
    (
        FAMILIES["GptOssForCausalLM"],
        4,
        "is more than the model's 2 KV heads, which vLLM's class for it does not repeat",
    ),
    (
        {
            **LLAMA,
            "quantization_config": make_compressed(
                type="float", num_bits=8, strategy="block", block_structure=[32, 32]
            ),
        },
        2,
        "cuts mlp.gate_proj into 48 channels, and its FP8 scales stand for 32 at a time",
    ),
]


@pytest.mark.parametrize(("config", "size", "reason"), REFUSED, ids=[reason for _, _, reason in REFUSED])
def test_a_size_that_vllm_refuses_is_explained(config: Config, size: int, reason: str) -> None:
    explanation = explain(config, size)
    assert explanation is not None
    assert reason in explanation


def test_one_gpu_is_always_legal() -> None:
    assert {None} == {explain(config, 1) for config in FAMILIES.values()}


def test_one_mamba_group_is_repeated() -> None:
    assert explain({**NEMOTRON_H, "n_groups": 1}, 4) is None


def test_kv_heads_are_repeated_but_for_gpt_oss() -> None:
    assert explain(LLAMA, 4) is None


def test_a_pipeline_has_no_more_stages_than_layers() -> None:
    architecture = read_architecture(PUZZLE)
    assert explain_illegal_pipeline(architecture, 2) is None
    assert "is more than the model's 2 layers" == explain_illegal_pipeline(architecture, 3)


def test_every_stage_of_nemotron_h_needs_experts_where_some_have() -> None:
    architecture = read_architecture({**NEMOTRON_H, "hybrid_override_pattern": "ME*EM-"})
    assert explain_illegal_pipeline(architecture, 2) is None
    assert "leaves stage 3 without experts, which vLLM does not make for this architecture" == explain_illegal_pipeline(
        architecture, 3
    )


def test_a_dense_nemotron_h_may_be_cut_anywhere() -> None:
    architecture = read_architecture({**NEMOTRON_H, "hybrid_override_pattern": "M-M*-M"})
    assert {None} == {explain_illegal_pipeline(architecture, size) for size in range(1, 7)}
