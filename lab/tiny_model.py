"""A Llama of two layers with random weights, quantised like the first model: what a real engine serves in the lab.

Its config.json, tensor names and scales are those of the first model's checkpoint: compressed-tensors, float-quantized,
FP8 weights with one scale per output channel, activations quantised per token at run time, lm_head left alone.
"""

import json
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors import TensorSpec, serialize
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

NAME = "nemotron-dev/tiny-llama-fp8"
"""The repository; the geometry is that of this name in examples/operator/cpu-development.yaml."""

LAYERS = 2
HIDDEN = 128
INTERMEDIATE = 256
HEADS = 4
KV_HEADS = 2
HEAD_DIM = 32
VOCABULARY = 512
CONTEXT_TOKENS = 4096

SPECIAL_TOKENS = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)

_LARGEST_FP8 = 448.0
"""Of float8_e4m3fn."""

Weights = NDArray[np.float32]
Tensor = NDArray[Any]


def make_repository(seed: int = 0) -> dict[str, bytes]:
    """Make the files of the repository; the same ones for the same seed."""
    return {
        "config.json": _to_json(_config()),
        "generation_config.json": _to_json(_generation_config()),
        "tokenizer.json": _train_tokenizer().to_str().encode(),
        "tokenizer_config.json": _to_json(_tokenizer_config()),
        "model.safetensors": _make_checkpoint(np.random.default_rng(seed)),
    }


def _to_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=2).encode()


def _config() -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": CONTEXT_TOKENS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": [1, 4],
        "torch_dtype": "bfloat16",
        "attention_bias": False,
        "mlp_bias": False,
        "quantization_config": {
            "quant_method": "compressed-tensors",
            "format": "float-quantized",
            "quantization_status": "compressed",
            "ignore": ["lm_head"],
            "kv_cache_scheme": None,
            "config_groups": {
                "group_0": {
                    "targets": ["Linear"],
                    "weights": _scheme(strategy="channel", dynamic=False),
                    "input_activations": _scheme(strategy="token", dynamic=True),
                    "output_activations": None,
                }
            },
        },
    }


def _scheme(*, strategy: str, dynamic: bool) -> dict[str, Any]:
    return {"num_bits": 8, "type": "float", "symmetric": True, "strategy": strategy, "dynamic": dynamic}


def _generation_config() -> dict[str, Any]:
    return {"bos_token_id": 0, "eos_token_id": [1, 4], "do_sample": True, "temperature": 0.6, "top_p": 0.8}


def _tokenizer_config() -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL_TOKENS[0],
        "eos_token": SPECIAL_TOKENS[4],
        "model_max_length": CONTEXT_TOKENS,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
    }


def _train_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 8,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the quick brown fox jumps over the lazy dog, and the dog sleeps on. " * 3], trainer)
    return tokenizer


def _make_checkpoint(random: np.random.Generator) -> bytes:
    tensors: dict[str, Tensor] = {}
    for name, (rows, columns) in _linear_shapes().items():
        tensors |= _quantize(name, _draw(random, rows, columns))
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        tensors[name] = _draw(random, VOCABULARY, HIDDEN).astype(ml_dtypes.bfloat16)
    for name in _norm_names():
        tensors[name] = np.ones(HIDDEN, ml_dtypes.bfloat16)
    specs = {
        name: TensorSpec(
            dtype=tensor.dtype.name, shape=tensor.shape, data_ptr=tensor.ctypes.data, data_len=tensor.nbytes
        )
        for name, tensor in tensors.items()
    }
    return bytes(serialize(specs, {"format": "pt"}))  # `tensors` keeps alive what the pointers point to


def _linear_shapes() -> dict[str, tuple[int, int]]:
    """List the quantised layers: outputs by inputs."""
    queries, keys = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
    of_layer = {
        "self_attn.q_proj": (queries, HIDDEN),
        "self_attn.k_proj": (keys, HIDDEN),
        "self_attn.v_proj": (keys, HIDDEN),
        "self_attn.o_proj": (HIDDEN, queries),
        "mlp.gate_proj": (INTERMEDIATE, HIDDEN),
        "mlp.up_proj": (INTERMEDIATE, HIDDEN),
        "mlp.down_proj": (HIDDEN, INTERMEDIATE),
    }
    return {f"model.layers.{layer}.{name}": shape for layer in range(LAYERS) for name, shape in of_layer.items()}


def _norm_names() -> list[str]:
    of_layer = ("input_layernorm", "post_attention_layernorm")
    return [
        "model.norm.weight",
        *(f"model.layers.{layer}.{name}.weight" for layer in range(LAYERS) for name in of_layer),
    ]


def _draw(random: np.random.Generator, rows: int, columns: int) -> Weights:
    return random.standard_normal((rows, columns), np.float32) * np.float32(0.05)


def _quantize(name: str, weights: Weights) -> dict[str, Tensor]:
    """Quantise per output channel: the largest weight of a row becomes the largest FP8 number."""
    scales = np.abs(weights).max(axis=1, keepdims=True) / _LARGEST_FP8
    return {
        f"{name}.weight": (weights / scales).astype(ml_dtypes.float8_e4m3fn),
        f"{name}.weight_scale": scales.astype(ml_dtypes.bfloat16),
    }
