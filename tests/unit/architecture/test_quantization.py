"""Which linear layer is stored how, by each method's own rules."""

from typing import Any

import pytest
from typing_extensions import override

from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.architecture.fields import Fields
from nemotron_operator.architecture.model import Architecture
from nemotron_operator.architecture.names import Names, WholeNames
from nemotron_operator.architecture.quantization import read_quantization
from nemotron_operator.architecture.reader import read_architecture
from nemotron_operator.architecture.storage import BF16, FP8_CHANNEL, FP8_TENSOR, INT8_CHANNEL, MXFP4, NVFP4, Storage
from tests.unit.architecture.configs import FAMILIES, LLAMA, NEMOTRON_H, Config, make_compressed

LAYER = "model.layers.0.mlp.up_proj"


def find_storage(quantization: Config, name: str = LAYER) -> Storage:
    """Tell how a layer is stored."""
    return read_quantization(Fields({"quantization_config": quantization})).find_storage(name)


def quantize(quantization: Config, config: Config = LLAMA) -> Architecture:
    """Read a whole config.json with a quantisation."""
    return read_architecture({**config, "quantization_config": quantization})


STORED: list[tuple[Config, Storage]] = [
    (make_compressed(type="float", num_bits=8, strategy="channel"), FP8_CHANNEL),
    (make_compressed(type="float", num_bits=8, strategy="tensor"), FP8_TENSOR),
    (make_compressed(type="float", num_bits=4, strategy="tensor_group"), NVFP4),
    (make_compressed(type="float", num_bits=4, strategy="group"), MXFP4),
    (make_compressed(type="int", num_bits=8, strategy="channel"), INT8_CHANNEL),
    (
        make_compressed(type="float", num_bits=8, strategy="block", block_structure=[128, 64]),
        Storage("FP8", 8, block=(128, 64)),
    ),
    (
        make_compressed(type="int", num_bits=4, strategy="group", group_size=128),
        Storage("INT4", 4, group_size=128, group_scale_bits=16),
    ),
    (
        make_compressed(type="int", num_bits=4, strategy="group", group_size=128, symmetric=False),
        Storage("INT4", 4, group_size=128, group_scale_bits=20),
    ),
    ({"quant_method": "modelopt", "quant_algo": "FP8"}, FP8_TENSOR),
    ({"quant_method": "modelopt", "quant_algo": "nvfp4"}, NVFP4),
    ({"quant_method": "fp8"}, FP8_TENSOR),
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, Storage("FP8", 8, block=(128, 128))),
    ({"quant_method": "gptq", "bits": 4, "group_size": 32}, Storage("INT4", 4, group_size=32, group_scale_bits=20)),
    ({"quant_method": "gptq", "bits": 4, "group_size": -1}, Storage("INT4", 4, channel_scale_bytes=2)),
    ({"quant_method": "awq", "w_bit": 4, "q_group_size": 64}, Storage("INT4", 4, group_size=64, group_scale_bits=20)),
    ({"quant_method": "mxfp4"}, BF16),
    ({}, BF16),
]


@pytest.mark.parametrize(("quantization", "storage"), STORED)
def test_each_method_says_how_a_layer_is_stored(quantization: Config, storage: Storage) -> None:
    assert storage == find_storage(quantization)


def test_compression_config_is_the_older_name() -> None:
    config = {"compression_config": make_compressed(type="float", num_bits=8, strategy="channel")}
    assert FP8_CHANNEL == read_quantization(Fields(config)).find_storage(LAYER)


@pytest.mark.parametrize("ignored", [LAYER, "re:.*up_proj", "re:model.layers.0"])
def test_compressed_tensors_ignore_whole_names_and_expressions(ignored: str) -> None:
    quantization = {**make_compressed(type="float", num_bits=8, strategy="channel"), "ignore": [ignored]}
    assert BF16 == find_storage(quantization)
    assert FP8_CHANNEL == find_storage(quantization, "model.layers.1.mlp.gate_proj")


@pytest.mark.parametrize("ignored", [LAYER, "model.layers.0", "*up_proj", "up_proj", "model.layers.0*"])
def test_modelopt_ignores_names_parents_parts_and_patterns(ignored: str) -> None:
    quantization = {"quant_method": "modelopt", "quant_algo": "FP8", "ignore": [ignored]}
    assert BF16 == find_storage(quantization)
    assert FP8_TENSOR == find_storage(quantization, "model.layers.1.mlp.gate_proj")


def test_a_layers_number_is_no_beginning_of_another() -> None:
    names = Names(["model.layers.1"])
    assert "model.layers.1" == names.find("model.layers.1.mlp.up_proj")
    assert names.find("model.layers.10.mlp.up_proj") is None


def test_mixed_precision_names_each_layers_format() -> None:
    layers = {LAYER: {"quant_algo": "FP8"}, "model.layers.*.down_proj": {"quant_algo": "NVFP4"}}
    quantization = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": layers}
    found = [find_storage(quantization, f"model.layers.0.mlp.{name}_proj") for name in ("up", "down", "gate")]
    assert [FP8_TENSOR, NVFP4, BF16] == found


@pytest.mark.parametrize(
    ("quantization", "dtype"),
    [
        ({"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_scheme": {"num_bits": 8}}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_scheme": {"num_bits": 16}}, None),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, None),
        ({**make_compressed(type="float", num_bits=8, strategy="channel"), "kv_cache_scheme": {"num_bits": 8}}, "fp8"),
        (make_compressed(type="float", num_bits=8, strategy="channel"), None),
    ],
)
def test_a_checkpoint_may_ask_for_a_format_of_its_kv_cache(quantization: Config, dtype: str | None) -> None:
    assert dtype == quantize(quantization).kv_cache_dtype


@pytest.mark.parametrize(
    ("quantization", "storage"),
    [
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, FP8_TENSOR),
        ({"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head"]}, BF16),
        (make_compressed(type="float", num_bits=8, strategy="channel"), BF16),
    ],
)
def test_only_modelopt_may_quantise_the_head(quantization: Config, storage: Storage) -> None:
    assert storage == quantize(quantization).head_storage


def test_gpt_oss_has_experts_in_mxfp4() -> None:
    assert "MXFP4" == quantize({"quant_method": "mxfp4"}, FAMILIES["GptOssForCausalLM"]).quantization


MISTAKES: list[tuple[Any, str]] = [
    ([1], "quantization_config: must be a mapping (found [1])"),
    ({"quant_method": "bitsandbytes"}, "quantization_config.quant_method: 'bitsandbytes' is not known to the plan"),
    ({"quant_method": 8}, "quantization_config.quant_method: must be text (found 8)"),
    ({"bits": 8}, "quantization_config.quant_method: '' is not known to the plan"),
    ({"quant_method": "compressed-tensors"}, "quantization_config.config_groups: is empty"),
    (
        {"quant_method": "compressed-tensors", "config_groups": [1]},
        "quantization_config.config_groups: must be a mapping (found [1])",
    ),
    (
        {"quant_method": "compressed-tensors", "config_groups": {"g": 1}},
        "quantization_config.config_groups.g: must be a mapping (found 1)",
    ),
    (make_compressed(), "quantization_config.config_groups.g.weights.num_bits: is missing"),
    (
        make_compressed(type="float", num_bits=3, strategy="channel"),
        "quantization_config.config_groups.g.weights.strategy: weights of type 'float' with 3 bits",
    ),
    (
        make_compressed(type="float", num_bits=8, strategy="block"),
        "weights.block_structure: must be a list of two numbers",
    ),
    (
        make_compressed(type="float", num_bits=8, strategy="block", block_structure=[128, "x"]),
        "weights.block_structure[1]: must be a whole number",
    ),
    (make_compressed(type="int", num_bits=4, strategy="group"), "weights.group_size: is missing"),
    (
        {**make_compressed(type="float", num_bits=8, strategy="channel"), "ignore": ["re:["]},
        "'re:[' is no regular expression",
    ),
    (
        {**make_compressed(type="float", num_bits=8, strategy="channel"), "ignore": [3]},
        "quantization_config.ignore: must be a list of names (found 3 in it)",
    ),
    (
        {"quant_method": "modelopt", "quant_algo": "W9"},
        "quantization_config.quant_algo: 'W9' is not known to the plan. Known: FP8",
    ),
    (
        {"quant_method": "modelopt", "quantized_layers": {"a": {"quant_algo": "W9"}}},
        "quantization_config.quantized_layers.a.quant_algo: 'W9' is not known to the plan",
    ),
    (
        {"quant_method": "modelopt", "quantized_layers": {"a": "FP8"}},
        "quantization_config.quantized_layers.a: must be a mapping (found 'FP8')",
    ),
    ({"quant_method": "fp8", "weight_block_size": 128}, "quantization_config.weight_block_size: must be a list"),
    ({"quant_method": "gptq"}, "quantization_config.bits: is missing"),
    ({"quant_method": "gptq", "bits": "4"}, "quantization_config.bits: must be a whole number from 1 to 16"),
    ({"quant_method": "awq", "bits": 4, "group_size": "x"}, "quantization_config.group_size: must be a whole number"),
]


@pytest.mark.parametrize(("quantization", "message"), MISTAKES, ids=[message[:70] for _, message in MISTAKES])
def test_a_mistake_is_told_with_its_field_and_value(quantization: object, message: str) -> None:
    with pytest.raises(ArchitectureError) as raised:
        read_architecture({**LLAMA, "quantization_config": quantization})
    assert str(raised.value).startswith("config.json: ")
    assert message in str(raised.value)


class CountingName(str):
    """A name that counts how often it is compared with something."""

    comparisons = 0
    __slots__ = ()

    @override
    def __eq__(self, other: object) -> bool:
        CountingName.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("kind", [Names, WholeNames])
def test_a_long_list_is_not_compared_entry_by_entry(kind: type[Names] | type[WholeNames]) -> None:
    entries = [CountingName(f"backbone.layers.{number}.mixer.experts.{number}.up_proj") for number in range(41_100)]
    names = kind(entries)
    CountingName.comparisons = 0
    for layer in range(100):
        name = f"backbone.layers.{layer}.mixer.in_proj"
        assert (name not in names) if isinstance(names, WholeNames) else (names.find(name) is None)
    assert 100 > CountingName.comparisons


def test_experts_that_are_listed_one_by_one_are_found() -> None:
    layers = {
        f"backbone.layers.{layer}.mixer.experts.{expert}.{name}_proj": {"quant_algo": "NVFP4"}
        for layer in range(40)
        for expert in range(512)
        for name in ("up", "down")
    }
    config = {**NEMOTRON_H, "hybrid_override_pattern": "E" * 40}
    quantization = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": layers}
    architecture = quantize(quantization, config)
    assert 40_960 == len(layers)
    assert {"NVFP4"} == {
        linear.storage.name for block in architecture.blocks for linear in block.linears if ".experts." in linear.name
    }
