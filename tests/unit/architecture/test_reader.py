"""Reading a config.json: each family, and each mistake by its name."""

from typing import Any

import pytest

from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.architecture.reader import KNOWN_ARCHITECTURES, read_architecture
from nemotron_operator.plan.memory.weights import count_parameters
from tests.unit.architecture.configs import FAMILIES, LLAMA, MISTRAL_3, NEMOTRON_H, PUZZLE, QWEN3_MOE, Config


def explain(config: Config) -> str:
    """Say why a config.json is refused."""
    with pytest.raises(ArchitectureError) as raised:
        read_architecture(config)
    return str(raised.value)


def test_there_is_a_small_model_of_each_known_class() -> None:
    assert set(KNOWN_ARCHITECTURES) == set(FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_is_read(name: str) -> None:
    architecture = read_architecture(FAMILIES[name])
    assert name == architecture.name
    assert (64, 100) == (architecture.hidden_size, architecture.vocab_size)
    assert len(architecture.blocks) in {2, 3, 4}
    assert "BF16" == architecture.quantization


def test_the_parameters_of_a_llama() -> None:
    attention, feed_forward, norms = 2 * 64 * 64 + 2 * 64 * 32, 3 * 64 * 96, 2 * 64
    assert 2 * 100 * 64 + 3 * (attention + feed_forward + norms) + 64 == count_parameters(read_architecture(LLAMA))


def test_equal_blocks_are_one_object() -> None:
    assert 1 == len({id(block) for block in read_architecture(LLAMA).blocks})


def test_words_mean_what_letters_mean() -> None:
    words = {"layers_block_type": ["mamba", "mlp", "attention", "moe"], "hybrid_override_pattern": None}
    assert read_architecture(NEMOTRON_H).blocks == read_architecture({**NEMOTRON_H, **words}).blocks


def test_widths_of_feed_forward_layers_may_be_listed() -> None:
    listed = read_architecture({**NEMOTRON_H, "hybrid_override_pattern": "-M-", "intermediate_size": [32, 64]})
    assert [32, 0, 64] == [block.intermediate_size for block in listed.blocks]


def test_a_puzzles_width_is_rounded_up() -> None:
    widths = [block.intermediate_size for block in read_architecture(PUZZLE).blocks]
    assert [256, 256] == widths


def test_a_block_without_attention_keeps_no_keys() -> None:
    assert [True, False] == [block.key_values is not None for block in read_architecture(PUZZLE).blocks]


def test_some_layers_of_a_mixture_may_be_dense() -> None:
    blocks = read_architecture({**QWEN3_MOE, "mlp_only_layers": [1]}).blocks
    assert [False, True, False] == [block.experts is None for block in blocks]


def test_gpt_oss_alternates_windows_from_the_first_layer() -> None:
    architecture = read_architecture(FAMILIES["GptOssForCausalLM"])
    assert [16, None, 16] == [each.window_tokens for each in architecture.find_key_values()]


def test_layer_types_say_which_layers_have_a_window() -> None:
    types = ["full_attention", "sliding_attention", "full_attention"]
    architecture = read_architecture({**LLAMA, "sliding_window": 8, "layer_types": types})
    assert [None, 8, None] == [each.window_tokens for each in architecture.find_key_values()]


def test_a_window_that_is_not_used_is_none() -> None:
    architecture = read_architecture({**LLAMA, "sliding_window": 8, "use_sliding_window": False})
    assert [None, None, None] == [each.window_tokens for each in architecture.find_key_values()]


def test_a_vision_tower_adds_parameters() -> None:
    text = count_parameters(read_architecture({**MISTRAL_3, "vision_config": None}))
    encoder, norms, patches = 2 * (4 * 32 * 32 + 3 * 32 * 48), 2 * 2 * 32 + 2 * 32, 3 * 4 * 4 * 32
    merger, projector = 4 * 32 * 32, 32 * 64 + 64 * 64
    assert encoder + norms + patches + merger + projector == count_parameters(read_architecture(MISTRAL_3)) - text


def test_drafts_are_repeated_as_often_as_the_config_says() -> None:
    drafts = {"mtp_hybrid_override_pattern": "*E", "num_nextn_predict_layers": 2}
    assert 4 == len(read_architecture({**NEMOTRON_H, **drafts}).draft_blocks)
    assert () == read_architecture({**NEMOTRON_H, **drafts, "num_nextn_predict_layers": 0}).draft_blocks


MISTAKES: list[tuple[Config, dict[str, Any], str]] = [
    (LLAMA, {"architectures": None}, "architectures: must be a list with the model's class (found None)"),
    (LLAMA, {"architectures": "Llama"}, "architectures: must be a list with the model's class (found 'Llama')"),
    (LLAMA, {"architectures": ["GPT2"]}, "architectures: 'GPT2' is not known to the plan"),
    (LLAMA, {"architectures": [["x"]]}, "architectures: ['x'] is not known to the plan"),
    (LLAMA, {"hidden_size": None}, "hidden_size: is missing; the plan needs it"),
    (LLAMA, {"hidden_size": "64"}, "hidden_size: must be a whole number from 1 to 1000000000 (found '64')"),
    (LLAMA, {"hidden_size": [64]}, "hidden_size: must be a whole number from 1 to 1000000000 (found [64])"),
    (LLAMA, {"hidden_size": -1}, "hidden_size: must be a whole number from 1 to 1000000000 (found -1)"),
    (LLAMA, {"hidden_size": 0}, "hidden_size: must be a whole number from 1 to 1000000000 (found 0)"),
    (LLAMA, {"hidden_size": True}, "hidden_size: must be a whole number from 1 to 1000000000 (found True)"),
    (LLAMA, {"hidden_size": 1.5}, "hidden_size: must be a whole number from 1 to 1000000000 (found 1.5)"),
    (LLAMA, {"vocab_size": 10**10}, "vocab_size: must be a whole number from 1 to 1000000000 (found 10000000000)"),
    (LLAMA, {"num_hidden_layers": 10**9}, "num_hidden_layers: must be a whole number from 1 to 10000"),
    (LLAMA, {"attention_bias": "yes"}, "attention_bias: must be true or false (found 'yes')"),
    (LLAMA, {"sliding_window": 8, "layer_types": "all"}, "layer_types: must be a list (found 'all')"),
    (NEMOTRON_H, {"hybrid_override_pattern": None}, "hybrid_override_pattern: is missing, and so is layers_block_type"),
    (NEMOTRON_H, {"hybrid_override_pattern": "MX"}, "hybrid_override_pattern: 'X' is no kind of block"),
    (NEMOTRON_H, {"hybrid_override_pattern": 7}, "hybrid_override_pattern: must be text (found 7)"),
    (NEMOTRON_H, {"hybrid_override_pattern": "M" * 10_001}, "names 10001 blocks; the plan takes 10000"),
    (NEMOTRON_H, {"intermediate_size": []}, "intermediate_size: lists 0 widths"),
    (NEMOTRON_H, {"intermediate_size": ["a"]}, "intermediate_size[0]: must be a whole number"),
    (NEMOTRON_H, {"mamba_ssm_cache_dtype": "int8"}, "mamba_ssm_cache_dtype: 'int8' is no format of the Mamba state"),
    (NEMOTRON_H, {"n_shared_experts": "one"}, "n_shared_experts: must be a whole number from 0"),
    (
        NEMOTRON_H,
        {"mtp_layers_block_type": ["gru"], "num_nextn_predict_layers": 1},
        "mtp_layers_block_type: 'gru' is no kind of block",
    ),
    (PUZZLE, {"num_hidden_layers": 3}, "block_configs: has 2 blocks, num_hidden_layers says 3"),
    (PUZZLE, {"block_configs": {}}, "block_configs: must be a list"),
    (PUZZLE, {"block_configs": [1, 2]}, "block_configs[0]: must be a mapping (found 1)"),
    (QWEN3_MOE, {"mlp_only_layers": ["one"]}, "mlp_only_layers: must be a list of layers (found 'one' in it)"),
    (MISTRAL_3, {"text_config": 5}, "text_config: must be a mapping (found 5)"),
    (MISTRAL_3, {"text_config": {}}, "text_config.hidden_size: is missing"),
    (MISTRAL_3, {"vision_config": {"hidden_size": 1}}, "vision_config.intermediate_size: is missing"),
]


@pytest.mark.parametrize(("config", "change", "message"), MISTAKES, ids=[mistake[2][:60] for mistake in MISTAKES])
def test_a_mistake_is_told_with_its_field_and_value(config: Config, change: dict[str, Any], message: str) -> None:
    explanation = explain({**config, **change})
    assert explanation.startswith("config.json: ")
    assert message in explanation


BLOCK_MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("ffn", {"ffn_mult": "2"}, "block_configs[0].ffn.ffn_mult: must be a number above 0 and up to"),
    ("ffn", {"ffn_mult": float("nan")}, "block_configs[0].ffn.ffn_mult: must be a number above 0 and up to"),
    ("ffn", {"ffn_mult": float("inf")}, "block_configs[0].ffn.ffn_mult: must be a number above 0 and up to"),
    ("ffn", {"ffn_mult": None}, "block_configs[0].ffn.intermediate_size: is missing"),
    ("ffn", {"replace_with_linear": True}, "replace_with_linear: vLLM does not serve such blocks"),
    ("attention", {"window_length": 8}, "window_length: vLLM does not serve such blocks"),
    (
        "attention",
        {"n_heads_in_group": 5},
        "block_configs[0].attention.n_heads_in_group: must be a whole number from 1",
    ),
    ("attention", {"n_heads_in_group": None}, "block_configs[0].attention.n_heads_in_group: is missing"),
]


@pytest.mark.parametrize(("part", "change", "message"), BLOCK_MISTAKES)
def test_a_mistake_in_a_block_is_told_with_the_blocks_number(part: str, change: dict[str, Any], message: str) -> None:
    first, second = PUZZLE["block_configs"]
    changed = {**first, part: {**first[part], **change}}
    assert message in explain({**PUZZLE, "block_configs": [changed, second]})


def test_a_long_value_is_shortened_in_the_message() -> None:
    assert 300 > len(explain({**LLAMA, "hidden_size": list(range(100_000))}))
