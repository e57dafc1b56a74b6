"""Weights on one GPU: what is divided, what is repeated, what a stage holds."""

import pytest

from nemotron_operator.architecture.model import Architecture, Block, Linear, Parameters, Split
from nemotron_operator.architecture.reader import read_architecture
from nemotron_operator.architecture.storage import (
    BF16,
    FP8_CHANNEL,
    FP8_TENSOR,
    MXFP4_EXPERTS,
    NVFP4,
    Storage,
    make_fp8_block,
)
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.memory.weights import (
    VOCABULARY_PADDING,
    count_block_bytes,
    count_parameters,
    count_repository_bytes,
    count_stage_weights_bytes,
    count_weights_bytes,
)
from tests.unit.architecture.configs import FAMILIES, LLAMA, NEMOTRON_H

LLAMAS_VOCABULARY = 128 * 64 * 2
"""Bytes of 100 tokens, padded to 128, of 64 channels."""


def make_block(*linears: Linear, parameters: tuple[Parameters, ...] = ()) -> Block:
    """Make a block of these parts."""
    return Block(linears=linears, parameters=parameters)


@pytest.mark.parametrize(
    ("split", "one", "two"),
    [
        (Split.COLUMNS, 24 * 32 + 24 * 4 + 24 * 2, 12 * 32 + 12 * 4 + 12 * 2),
        (Split.ROWS, 24 * 32 + 24 * 4 + 24 * 2, 24 * 16 + 24 * 4 + 24 * 2),
        (Split.REPLICATED, 24 * 32 + 24 * 4 + 24 * 2, 24 * 32 + 24 * 4 + 24 * 2),
    ],
)
def test_weights_scales_and_bias_are_divided_as_the_layer_is(split: Split, one: int, two: int) -> None:
    block = make_block(Linear("a", 32, 24, split, bias=True, storage=FP8_CHANNEL))
    assert [one, two] == [count_block_bytes(block, size) for size in (1, 2)]


def test_units_are_repeated_in_a_group_larger_than_their_number() -> None:
    block = make_block(Linear("k_proj", 16, 2 * 8, Split.COLUMNS, units=2))
    assert [512, 256, 256, 256] == [count_block_bytes(block, size) for size in (1, 2, 4, 8)]


@pytest.mark.parametrize(("units", "sizes"), [(None, [80, 40, 20]), (1, [80, 80, 80]), (2, [80, 40, 40])])
def test_small_parameters_are_divided_or_repeated(units: int | None, sizes: list[int]) -> None:
    block = make_block(parameters=(Parameters(40, is_split=True, units=units),))
    assert sizes == [count_block_bytes(block, size) for size in (1, 2, 4)]


def test_what_is_not_divided_is_on_every_gpu() -> None:
    block = make_block(parameters=(Parameters(10, is_split=False, element_bytes=4),))
    assert {40} == {count_block_bytes(block, size) for size in (1, 2, 8)}


def test_all_copies_of_an_expert_are_counted() -> None:
    one, eight = (make_block(Linear("e", 32, 16, Split.ROWS, copies, storage=NVFP4)) for copies in (1, 8))
    assert 8 * count_block_bytes(one, 2) == count_block_bytes(eight, 2)


@pytest.mark.parametrize(
    ("storage", "size_bytes"),
    [
        (BF16, 64 * 128 * 2),
        (FP8_TENSOR, 64 * 128 + 8),
        (FP8_CHANNEL, 64 * 128 + 64 * 4),
        (NVFP4, 64 * 128 // 2 + 64 * 128 // 16 + 8),
        (MXFP4_EXPERTS, 64 * 256 // 2 + 64 * 256 // 32),
        (make_fp8_block(32, 100), 64 * 128 + 2 * 2 * 4),
    ],
)
def test_each_format_has_its_weights_and_scales(storage: Storage, size_bytes: int) -> None:
    assert size_bytes == storage.count_bytes(64, 128)


def test_the_vocabulary_is_padded() -> None:
    one, full, more, two = (
        count_weights_bytes(read_architecture({**LLAMA, "vocab_size": size}), Parallelism())
        for size in (1, VOCABULARY_PADDING, VOCABULARY_PADDING + 1, 2 * VOCABULARY_PADDING)
    )
    assert (one, two) == (full, more)
    assert 2 * 64 * VOCABULARY_PADDING * 2 == more - full


def test_a_tied_head_is_no_second_matrix() -> None:
    tied = read_architecture({**LLAMA, "tie_word_embeddings": True})
    assert LLAMAS_VOCABULARY == count_weights_bytes(read_architecture(LLAMA), Parallelism()) - count_weights_bytes(
        tied, Parallelism()
    )
    assert 100 * 64 == count_parameters(read_architecture(LLAMA)) - count_parameters(tied)


def test_a_tied_head_on_another_stage_is_a_matrix_of_its_own() -> None:
    tied, own = (read_architecture({**LLAMA, "tie_word_embeddings": tied}) for tied in (True, False))
    assert [count_stage_weights_bytes(own, Parallelism(1, 2), rank) for rank in (0, 1)] == [
        count_stage_weights_bytes(tied, Parallelism(1, 2), rank) for rank in (0, 1)
    ]


def count_stages(architecture: Architecture, pipeline: int) -> list[int]:
    """Count each stage."""
    return [count_stage_weights_bytes(architecture, Parallelism(1, pipeline), rank) for rank in range(pipeline)]


def test_stages_together_hold_the_model_once() -> None:
    architecture = read_architecture(LLAMA)
    assert count_weights_bytes(architecture, Parallelism()) == sum(count_stages(architecture, 3))


def test_nemotron_h_has_both_ends_on_every_stage() -> None:
    """So does vLLM, whose class does not ask for its stage: embedding, head and last norm."""
    architecture = read_architecture(NEMOTRON_H)
    ends = 2 * LLAMAS_VOCABULARY + 64 * 2
    assert count_weights_bytes(architecture, Parallelism()) + ends == sum(count_stages(architecture, 2))


def test_the_gpu_with_most_weights_counts() -> None:
    architecture = read_architecture(LLAMA)
    assert max(count_stages(architecture, 2)) == count_weights_bytes(architecture, Parallelism(1, 2))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_larger_group_never_holds_more_on_one_gpu(name: str) -> None:
    architecture = read_architecture(FAMILIES[name])
    sizes = [count_weights_bytes(architecture, Parallelism(size)) for size in (1, 2, 4)]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_repository_in_bf16_has_two_bytes_for_each_parameter(name: str) -> None:
    """But for the padding of the vocabulary, and for float32 vectors of Mamba and routers."""
    architecture = read_architecture({**FAMILIES[name], "vocab_size": 128} | _pad_text_part(FAMILIES[name]))
    extra = count_repository_bytes(architecture) - 2 * count_parameters(architecture)
    assert (2 * (4 + 6) if name == "NemotronHForCausalLM" else 0) == extra


def _pad_text_part(config: dict[str, object]) -> dict[str, object]:
    text = config.get("text_config")
    return {"text_config": {**text, "vocab_size": 128}} if isinstance(text, dict) else {}
