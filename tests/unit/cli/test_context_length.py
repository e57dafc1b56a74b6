"""How long sequences may be by a config.json: what vLLM 0.32.0 answered for the same files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.cli.plan.context_length import find_longest_context
from tests.unit.cli.command import nemoctl

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}

QWEN: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_hidden_layers": 36,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
}


def find(fields: Mapping[str, object], version: str | None = "0.33.0") -> int | None:
    context = find_longest_context({"max_position_embeddings": 40960, **fields}, version)
    return None if context is None else context.tokens


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 40960),
        ({"rope_scaling": None}, 40960),
        ({"rope_scaling": YARN}, 40960),
        ({"rope_scaling": {**YARN, "type": "yarn"}, "max_position_embeddings": 32768}, 32768),
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, 163840),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.5}}, 102400),
        ({"rope_parameters": {"rope_type": "default", "factor": 2.5}}, 102400),
        ({"rope_scaling": {"type": "mrope", "mrope_section": [1, 2, 3], "factor": 2}}, 81920),
        ({"rope_scaling": {"factor": 2.0}}, 81920),
        ({"rope_scaling": {"type": "linear", "factor": None}}, 40960),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}}, 40960),
    ],
    ids=str,
)
def test_vllm_answers_the_same(fields: dict[str, object], expected: int) -> None:
    assert expected == find(fields)


def test_a_scaling_for_each_type_of_layers_is_read() -> None:
    layers = {"full_attention": {"rope_type": "linear", "factor": 8.0}, "sliding_attention": {"rope_type": "llama3"}}
    assert 8 * 40960 == find({"rope_parameters": layers})


@pytest.mark.parametrize(("version", "expected"), [("0.31.9", 131072), ("0.32.0", 40960), (None, 40960)])
def test_yarn_was_multiplied_before_it_was_not(version: str | None, expected: int) -> None:
    assert expected == find({"rope_scaling": YARN}, version)


def test_a_length_that_is_whole_already_is_the_same_for_every_version() -> None:
    whole = {"max_position_embeddings": 131072, "rope_scaling": YARN}
    assert [131072, 131072] == [find(whole, version) for version in ("0.20.0", "0.33.0")]
    context = find_longest_context(whole, "0.33.0")
    assert context is not None
    assert not context.remark


@pytest.mark.parametrize("positions", [None, 0, -1, True, "8192", 8192.0])
def test_no_number_of_positions_says_nothing(positions: object) -> None:
    assert find({"max_position_embeddings": positions}) is None


@pytest.mark.parametrize("factor", ["x", True, float("nan"), float("inf"), 0, 10_001, [2]])
def test_a_factor_that_is_none_is_named(factor: object) -> None:
    with pytest.raises(ArchitectureError, match=r"rope_scaling\.factor: must be a number from 1 to 10000 \(found "):
        find({"rope_scaling": {"type": "linear", "factor": factor}})


def test_what_yarn_seems_to_promise_is_a_remark_with_the_way_out(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**QWEN, "rope_scaling": YARN}))
    refused = nemoctl("plan", "--config", config, "--max-model-len", "131072", "-o", "json").document
    assert "ContextExceedsModel" == refused["reason"]
    assert (
        "Since 0.32.0 vLLM takes max_position_embeddings (40960) for the whole context, and does not multiply it by "
        "the factor of YaRN. Set it to 131072 in config.json to serve that."
    ) in refused["remarks"]
    config.write_text(json.dumps({**QWEN, "rope_scaling": YARN, "max_position_embeddings": 131072}))
    served = nemoctl("plan", "--config", config, "--max-model-len", "131072", "-o", "json").document
    assert (True, 131072) == (served["fits"], served["maxModelLen"])


def test_the_version_that_is_asked_for_decides(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**QWEN, "rope_scaling": YARN}))
    answer = nemoctl("plan", "--config", config, "--vllm-version", "0.20.0", "-o", "json").document
    assert 131072 == answer["maxModelLen"]


def test_a_scaling_that_is_no_mapping_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**QWEN, "rope_scaling": "yarn"}))
    answer = nemoctl("plan", "--config", config)
    expected = f"nemoctl: --config: {config}: rope_scaling: must be a mapping (found 'yarn').\n"
    assert (2, "", expected) == (answer.code, answer.out, answer.err)
