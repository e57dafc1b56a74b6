"""Inspect step: could a server load what lies in a directory, judged by names, lengths and headers."""

import json
from dataclasses import dataclass
from pathlib import Path

from nemotron_operator.volume.errors import IncompleteWeightsError, NoModelError
from nemotron_operator.volume.manifest import Manifest, read_manifest
from nemotron_operator.volume.safetensors import find_fault
from nemotron_operator.volume.weights import WEIGHTS_SUFFIX, index_name, preferred_stem

TOKENIZER_PATTERNS = ("tokenizer.json", "tokenizer.model*", "tekken.json", "*.tiktoken", "vocab.json", "vocab.txt")
"""Names of files of which a tokenizer needs one."""


@dataclass(frozen=True)
class Inspected:
    """A directory that a server could load."""

    paths: tuple[str, ...]
    """Its files, with slashes, in their order; the manifest and other hidden files are not among them."""

    weights: tuple[str, ...]
    """Those that hold weights."""

    size_bytes: int
    """The size of all of them."""

    manifest: Manifest | None
    """The manifest that lies in it."""


def inspect_directory(directory: Path) -> Inspected:
    """Look at everything that can be seen without reading the weights.

    Raises
    ------
    NoModelError
        There is no directory, no config.json or no tokenizer.
    IncompleteWeightsError
        Weights are missing or cut short, or differ in size from the manifest.
    """
    _require_model(directory)
    paths = tuple(sorted(_list_files(directory)))
    weights = tuple(path for path in paths if path.endswith(WEIGHTS_SUFFIX))
    if not weights:
        raise IncompleteWeightsError(
            f"{directory} has no {WEIGHTS_SUFFIX} file among its {len(paths)} files. Pickled weights are never loaded: "
            "put the model's safetensors there."
        )
    _require_indexed_shards(directory, paths)
    _require_whole_files(directory, weights)
    manifest = read_manifest(directory)
    if manifest is not None:
        _require_listed_sizes(directory, manifest)
    return Inspected(paths, weights, sum((directory / path).stat().st_size for path in paths), manifest)


def _require_model(directory: Path) -> None:
    if not directory.is_dir():
        raise NoModelError(f"{directory} is no directory. See that the path in the volume names the model's.")
    config = directory / "config.json"
    try:
        is_config = isinstance(json.loads(config.read_bytes()), dict)
    except FileNotFoundError:
        beside = sorted(path.parent.name for path in directory.glob("*/config.json"))
        hint = f" Did you mean {', '.join(beside[:3])} in it?" if beside else ""
        raise NoModelError(f"{directory} has no config.json, so it is no model's directory.{hint}") from None
    except ValueError:
        is_config = False
    if not is_config:
        raise NoModelError(f"{config} is no JSON object. Copy it again from the model's repository.")
    if not any(any(directory.glob(pattern)) for pattern in TOKENIZER_PATTERNS):
        raise NoModelError(
            f"{directory} has no tokenizer: none of {', '.join(TOKENIZER_PATTERNS)}. "
            "Copy the tokenizer's files from the model's repository."
        )


def _list_files(directory: Path) -> list[str]:
    found = (path for path in directory.rglob("*") if path.is_file())
    relative = (path.relative_to(directory) for path in found)
    return [path.as_posix() for path in relative if not any(part.startswith(".") for part in path.parts)]


def _require_indexed_shards(directory: Path, paths: tuple[str, ...]) -> None:
    """Require what the index of the preferred format names; an index of the other format does not matter."""
    index = directory / index_name(preferred_stem(paths))
    if not index.is_file():
        return
    try:
        named = {str(shard) for shard in json.loads(index.read_bytes())["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IncompleteWeightsError(f"{index} is no index of weights. Copy it again.") from None
    missing = sorted(named - set(paths))
    if missing:
        raise IncompleteWeightsError(
            f"{directory} lacks {len(missing)} of the {len(named)} files that {index.name} names, {missing[0]} among "
            "them. Copy them from the model's repository."
        )


def _require_whole_files(directory: Path, weights: tuple[str, ...]) -> None:
    faults = [(path, fault) for path in weights if (fault := find_fault(directory / path)) is not None]
    if faults:
        path, fault = faults[0]
        raise IncompleteWeightsError(
            f"{directory / path} is not whole: {fault}. {len(faults)} of {len(weights)} files are so. Copy them again."
        )


def _require_listed_sizes(directory: Path, manifest: Manifest) -> None:
    for file in manifest.files:
        path = directory / file.path
        found = f"{path.stat().st_size} bytes" if path.is_file() else "no such file"
        if found != f"{file.size_bytes} bytes":
            raise IncompleteWeightsError(
                f"{path} should have {file.size_bytes} bytes by the manifest of {manifest.repository} at "
                f"{manifest.commit}: there is {found}. Copy it again, or remove the manifest if the file is right."
            )
