"""A model directory without weights: config.json from the catalogue's own numbers, and a tokenizer of three words."""

import json
from pathlib import Path
from typing import Any

from nemotron_operator.catalog.entry import CatalogEntry, Quantization

SPECIAL_TOKENS = {"<unk>": 0, "<|begin_of_text|>": 1, "<|eot_id|>": 2}

CHECKPOINTS_SAMPLING = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "max_length": 4096}
"""Sampling values of the repository itself, none of which is the card's: the plan's have to win."""

ROPE_OF_LLAMA_3_1 = {
    "factor": 8.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3",
}


def write_model(directory: Path, entry: CatalogEntry) -> Path:
    """Write everything of a model that vLLM reads before it loads weights."""
    directory.mkdir(parents=True)
    files: dict[str, Any] = {
        "config.json": make_config(entry),
        "generation_config.json": CHECKPOINTS_SAMPLING,
        "tokenizer.json": make_tokenizer(),
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"},
    }
    for name, content in files.items():
        (directory / name).write_text(json.dumps(content))
    return directory


def make_config(entry: CatalogEntry) -> dict[str, Any]:
    """Write the geometry as a Llama's config.json has it."""
    geometry = entry.geometry
    config = {
        "architectures": [entry.architecture],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "head_dim": geometry.head_dim,
        "hidden_act": entry.activation,
        "hidden_size": geometry.hidden_size,
        "intermediate_size": geometry.intermediate_size,
        "max_position_embeddings": entry.context.max_model_len,
        "model_type": "llama",
        "num_attention_heads": geometry.attention_heads,
        "num_hidden_layers": geometry.layers,
        "num_key_value_heads": geometry.kv_heads,
        "rms_norm_eps": 1e-05,
        "rope_scaling": ROPE_OF_LLAMA_3_1,
        "rope_theta": 500000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "vocab_size": geometry.vocab_size,
    }
    if entry.quantization.method == "compressed-tensors":
        config["quantization_config"] = make_quantization_config(entry.quantization)
    return config


def make_quantization_config(quantization: Quantization) -> dict[str, Any]:
    """Write FP8-dynamic: weights with one scale per output channel, activations scaled per token at run time."""
    number = {"num_bits": 8 * quantization.linear_weight_bytes, "symmetric": True, "type": "float"}
    group = {
        "input_activations": {**number, "dynamic": True, "strategy": "token"},
        "targets": ["Linear"],
        "weights": {**number, "dynamic": False, "strategy": "channel"},
    }
    return {
        "config_groups": {"group_0": group},
        "format": quantization.format,
        "ignore": ["lm_head"],
        "quant_method": quantization.method,
        "quantization_status": "compressed",
    }


def make_tokenizer() -> dict[str, Any]:
    """Write the smallest tokenizer that loads."""
    added = [
        {"id": number, "content": token, "special": True, "single_word": False, "lstrip": False, "rstrip": False}
        for token, number in SPECIAL_TOKENS.items()
    ]
    return {
        "version": "1.0",
        "added_tokens": [{**token, "normalized": False} for token in added],
        "model": {"type": "WordLevel", "vocab": SPECIAL_TOKENS, "unk_token": "<unk>"},
        "pre_tokenizer": {"type": "Whitespace"},
    }
