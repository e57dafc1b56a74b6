"""The repository of this tier: what is fetched, and what never is."""

import random
from collections.abc import Mapping

REPOSITORY = "acme/tiny-nemotron"
"""The repository of all tests."""

MIB = 1 << 20
"""Bytes in a MiB."""

UNWANTED: Mapping[str, bytes] = {
    "modeling_nemotron.py": b"import os\n",
    "pytorch_model.bin": b"\x80\x04.",
    "README.md": b"# Tiny\n",
}
"""Files of the repository that a server must not get."""

SMALL: Mapping[str, bytes] = {
    "config.json": b'{"architectures": ["NemotronHForCausalLM"]}\n',
    "tokenizer.json": b'{"version": "1.0"}\n' * 1000,
    "chat/template.jinja": b"{{ messages }}\n",
}
"""Files that git itself keeps: their digest is that of a git blob."""


def make_files(shards: int = 2, shard_bytes: int = 2 * MIB, seed: int = 1) -> dict[str, bytes]:
    """Make a repository with so many shards of random bytes; another seed makes other shards."""
    source = random.Random(seed)  # noqa: S311 - content, no secret
    return {**UNWANTED, **SMALL} | {shard(number, shards): source.randbytes(shard_bytes) for number in range(shards)}


def shard(number: int = 0, of: int = 2) -> str:
    """Name a shard, counted from 0."""
    return f"model-{number + 1:05}-of-{of:05}.safetensors"
