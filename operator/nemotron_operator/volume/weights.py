"""Which files of a directory are the weights that vLLM loads, where some are there twice.

Pure: names come in, names go out. The rule is that of vLLM's DefaultModelLoader._prepare_weights with load format
`auto` (vllm/model_executor/model_loader/default_loader.py, 0.33): consolidated*.safetensors if there are any, and all
*.safetensors of the directory otherwise; of these, only what the index of that name lists.
"""

import re
from collections.abc import Iterable

WEIGHTS_SUFFIX = ".safetensors"
"""Names of files with weights that cannot run code."""

CONSOLIDATED = "consolidated"
"""How the names of weights in Mistral's own format begin."""

INDEXED_STEMS = (CONSOLIDATED, "model")
"""The names that an index can have, in the order in which vLLM prefers them."""


def index_name(stem: str) -> str:
    """Name the index of weights in several files."""
    return f"{stem}{WEIGHTS_SUFFIX}.index.json"


def preferred_stem(paths: Iterable[str]) -> str:
    """Tell in which of the two formats vLLM loads the weights: the stem of the names, `model` or `consolidated`."""
    return CONSOLIDATED if any(_is_consolidated(path) for path in paths) else INDEXED_STEMS[-1]


def find_twins(paths: Iterable[str]) -> frozenset[str]:
    """Name the files that hold the same weights once more, and that vLLM does not load.

    Notes
    -----
    Only files at the top: what lies deeper is loaded by those models that have a use for it.
    """
    names = {path for path in paths if "/" not in path}
    stem = preferred_stem(names)
    twins = set()
    if stem == CONSOLIDATED:
        twins |= {name for name in names if name.endswith(WEIGHTS_SUFFIX) and not _is_consolidated(name)}
        twins |= {index_name("model")} & names
    if index_name(stem) in names and any(_is_shard(name, stem) for name in names):
        twins |= {f"{stem}{WEIGHTS_SUFFIX}"} & names
    return frozenset(twins)


def _is_consolidated(path: str) -> bool:
    return path.startswith(CONSOLIDATED) and path.endswith(WEIGHTS_SUFFIX) and "/" not in path


def _is_shard(name: str, stem: str) -> bool:
    return re.fullmatch(rf"{stem}-\d+-of-\d+{re.escape(WEIGHTS_SUFFIX)}", name) is not None
