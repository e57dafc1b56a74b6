"""A LoRA adapter of the tiny model, as PEFT saves one: random, and large enough that it changes every answer."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import TensorSpec, serialize

from lab.tiny_model import HEAD_DIM, HEADS, HIDDEN, LAYERS
from lab.tiny_model import NAME as MODEL_NAME

NAME = "nemotron-dev/tiny-lora"
"""The repository."""

RANK = 8

SCALE = 0.5
"""How large its random weights are: the model's own are a tenth of that."""

Weights = NDArray[np.float32]


def make_adapter(seed: int = 0, rank: int = RANK) -> dict[str, bytes]:
    """Make the files of the repository; the same ones for the same seed."""
    return {
        "adapter_config.json": json.dumps(_config(rank), indent=2).encode(),
        "adapter_model.safetensors": _make_weights(np.random.default_rng(seed), rank),
    }


def _config(rank: int) -> dict[str, Any]:
    return {
        "base_model_name_or_path": MODEL_NAME,
        "bias": "none",
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": rank,
        "target_modules": ["o_proj", "q_proj"],
        "task_type": "CAUSAL_LM",
    }


def _make_weights(random: np.random.Generator, rank: int) -> bytes:
    tensors: dict[str, Weights] = {}
    for layer in range(LAYERS):
        for module, outputs, inputs in (("q_proj", HEADS * HEAD_DIM, HIDDEN), ("o_proj", HIDDEN, HEADS * HEAD_DIM)):
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            tensors[f"{name}.lora_A.weight"] = _draw(random, rank, inputs)
            tensors[f"{name}.lora_B.weight"] = _draw(random, outputs, rank)
    specs = {
        name: TensorSpec(
            dtype=tensor.dtype.name, shape=tensor.shape, data_ptr=tensor.ctypes.data, data_len=tensor.nbytes
        )
        for name, tensor in tensors.items()
    }
    return bytes(serialize(specs, {"format": "pt"}))  # `tensors` keeps alive what the pointers point to


def _draw(random: np.random.Generator, rows: int, columns: int) -> Weights:
    return random.standard_normal((rows, columns), np.float32) * np.float32(SCALE)
