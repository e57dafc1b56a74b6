"""A model directory without weights: the catalogue's own config.json, and a tokenizer of three words."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SPECIAL_TOKENS = {"<unk>": 0, "<|begin_of_text|>": 1, "<|eot_id|>": 2}

CHECKPOINTS_SAMPLING = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "max_length": 4096}
"""Sampling values of the repository itself, none of which is the card's: the plan's have to win."""

NOT_OF_THE_SHAPE = {"bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16"}
"""What vLLM needs of a config.json and memory does not."""


def write_model(directory: Path, config: Mapping[str, Any]) -> Path:
    """Write everything of a model that vLLM reads before it loads weights."""
    directory.mkdir(parents=True)
    files: dict[str, Any] = {
        "config.json": make_config(config),
        "generation_config.json": CHECKPOINTS_SAMPLING,
        "tokenizer.json": make_tokenizer(),
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"},
    }
    for name, content in files.items():
        (directory / name).write_text(json.dumps(content))
    return directory


def make_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a config.json; classes of the repository's own are not there to be loaded."""
    return {**NOT_OF_THE_SHAPE, **{name: value for name, value in config.items() if name != "auto_map"}}


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
