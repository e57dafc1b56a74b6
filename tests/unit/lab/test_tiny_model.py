import json
import struct
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from lab.tiny_model import NAME, make_repository
from nemotron_operator.config import load_config
from nemotron_operator.plan.memory.weights import count_repository_bytes

FILES = make_repository()
CONFIG = json.loads(FILES["config.json"])
(ENTRY,) = load_config(Path(__file__).parents[3] / "examples" / "operator" / "cpu-development.yaml").models


def read_header() -> dict[str, Any]:
    """Read where each tensor lies (https://github.com/huggingface/safetensors, "Format")."""
    (length,) = struct.unpack("<Q", FILES["model.safetensors"][:8])
    header: dict[str, Any] = json.loads(FILES["model.safetensors"][8 : 8 + length])
    del header["__metadata__"]
    return header


def read_sizes() -> dict[str, int]:
    return {name: last - first for name, tensor in read_header().items() for first, last in [tensor["data_offsets"]]}


def read_tensor(name: str, dtype: type) -> np.ndarray[Any, Any]:
    (length,) = struct.unpack("<Q", FILES["model.safetensors"][:8])
    place = read_header()[name]
    first, last = (8 + length + offset for offset in place["data_offsets"])
    return np.frombuffer(FILES["model.safetensors"][first:last], dtype).reshape(place["shape"]).astype(np.float32)


def test_it_is_the_same_each_time_and_another_with_another_seed() -> None:
    assert FILES == make_repository()
    assert FILES["model.safetensors"] != make_repository(seed=1)["model.safetensors"]


def test_the_example_configuration_describes_it() -> None:
    assert NAME == ENTRY.repository
    described = {field: value for field, value in (ENTRY.config or {}).items() if field != "quantization_config"}
    assert described == {field: CONFIG[field] for field in described}
    assert ENTRY.context.max_model_len == CONFIG["max_position_embeddings"]


def test_the_planner_counts_its_bytes_exactly() -> None:
    stored = sum(read_sizes().values())
    assert ENTRY.architecture is not None
    # A GPU holds the scales in 4 bytes, the checkpoint in 2.
    scales = sum(size for name, size in read_sizes().items() if name.endswith("_scale"))
    assert count_repository_bytes(ENTRY.architecture) == stored + scales


def test_it_is_quantised_like_the_first_model() -> None:
    quantization = CONFIG["quantization_config"]
    scheme = quantization["config_groups"]["group_0"]
    assert ("compressed-tensors", "float-quantized", ["lm_head"]) == (
        quantization["quant_method"],
        quantization["format"],
        quantization["ignore"],
    )
    assert ("channel", False) == (scheme["weights"]["strategy"], scheme["weights"]["dynamic"])
    assert ("token", True) == (scheme["input_activations"]["strategy"], scheme["input_activations"]["dynamic"])
    linear = {name: tensor for name, tensor in read_header().items() if "proj.weight" in name}
    assert {"F8_E4M3", "BF16"} == {tensor["dtype"] for tensor in linear.values()}
    assert 2 * 14 == len(linear)


@pytest.mark.parametrize("layer", ["self_attn.q_proj", "mlp.down_proj"])
def test_each_row_uses_the_whole_range_of_fp8(layer: str) -> None:
    weights = read_tensor(f"model.layers.0.{layer}.weight", ml_dtypes.float8_e4m3fn)
    scales = read_tensor(f"model.layers.0.{layer}.weight_scale", ml_dtypes.bfloat16)
    assert (weights.shape[0], 1) == scales.shape
    assert np.all(np.abs(weights).max(axis=1) == 448)
    assert 0.04 < float(np.std(weights * scales)) < 0.06
