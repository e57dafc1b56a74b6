"""What makes a repository a LoRA adapter, and what it says of itself: PEFT's files, as vLLM reads them.

vllm/lora/peft_helper.py, vllm/lora/lora_model.py.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nemotron_operator.downloader.errors import NoAdapterError
from nemotron_operator.volume.remote_file import RemoteFile

CONFIG_NAME, WEIGHTS_NAME = "adapter_config.json", "adapter_model.safetensors"
"""Names of an adapter's two files."""

LORA = "LORA"
"""The kind of adapter that vLLM loads, as PEFT names it."""


def require_adapter(label: str, commit: str, files: Iterable[RemoteFile]) -> None:
    """See that the files of an adapter are among those that are fetched.

    Raises
    ------
    NoAdapterError
        One of them is not.
    """
    paths = {file.path for file in files}
    missing = [name for name in (CONFIG_NAME, WEIGHTS_NAME) if name not in paths]
    if missing:
        raise NoAdapterError(
            f"{label} at {commit} is no LoRA adapter: it has no {' and no '.join(missing)}. Choose a repository or a "
            "directory that PEFT saved, with safetensors."
        )


def read_rank(label: str, directory: Path) -> int:
    """Read the largest rank of an adapter's layers.

    Raises
    ------
    NoAdapterError
        Its configuration is that of something else.
    """
    config = _read_config(directory / CONFIG_NAME)
    kind, ranks = config.get("peft_type", LORA), [config.get("r"), *_list_values(config.get("rank_pattern"))]
    if kind != LORA:
        raise NoAdapterError(f"{label} is an adapter of the kind {kind!r}: vLLM loads LoRA adapters only.")
    numbers = [rank for rank in ranks if isinstance(rank, int) and rank > 0]
    if len(numbers) < len(ranks):
        raise NoAdapterError(f"{label} is no LoRA adapter: its {CONFIG_NAME} names no rank `r`.")
    return max(numbers)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _list_values(pattern: object) -> list[object]:
    return list(pattern.values()) if isinstance(pattern, dict) else []
