"""Any Hugging Face config.json: a file, a directory that holds one, or a pipe."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemotron_operator.errors import InvalidResourceError
from nemotron_operator.units import MIB

LARGEST_FILE_BYTES = 16 * MIB
"""More than the largest config.json of a mixture in thousands of named layers; a device that never ends is not read."""

_SIDE_FILE = "hf_quant_config.json"
"""Where ModelOpt before 0.31 says how weights are stored (get_config in vllm/transformers_utils/config.py)."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A config.json that was read."""

    source: str
    """Where it was read, for messages."""
    directory: Path | None
    """Where it lies; None for a pipe."""
    values: Mapping[str, Any]


def read_config_file(path: str) -> ConfigFile:
    """Read a config.json, and the quantization beside it where the file itself names none.

    Raises
    ------
    InvalidResourceError
        It cannot be read, or is not a JSON mapping; the message names it and the way out.
    """
    if path == "-":
        return ConfigFile("standard input", None, _read_json("standard input", _read_standard_input()))
    file = _find(Path(path))
    values = _read_json(str(file), _read(file))
    side = file.with_name(_SIDE_FILE)
    if values.get("quantization_config") is None and side.is_file():
        flat = _flatten_quantization(str(side), _read_json(str(side), _read(side)))
        values = {**values, "quantization_config": flat}
    return ConfigFile(str(file), file.parent, values)


def _find(path: Path) -> Path:
    """Look into a directory: a hub snapshot, a local model, or a commit's on a cache volume.

    Which of several snapshots is meant, only the person knows.
    """
    if not path.is_dir():
        return path
    file = path / "config.json"
    if not file.exists():
        inside = sorted(
            str(each.parent.relative_to(path))
            for pattern in ("*/config.json", "snapshots/*/config.json")
            for each in path.glob(pattern)
        )
        hint = f" It is in {', '.join(inside[:5])}: name that directory." if inside else ""
        raise InvalidResourceError(
            f"--config: {path}: is a directory without a config.json.{hint or ' Name the file of a model.'}"
        )
    return file


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return _limit(str(file), opened.read(LARGEST_FILE_BYTES + 1))
    except OSError as error:
        raise InvalidResourceError(
            f"--config: {file}: cannot be read ({error.strerror}). Give the path of a model's config.json, of its "
            "directory, or - to read a pipe."
        ) from error


def _read_standard_input() -> bytes:
    return _limit("standard input", sys.stdin.buffer.read(LARGEST_FILE_BYTES + 1))


def _limit(source: str, text: bytes) -> bytes:
    if len(text) > LARGEST_FILE_BYTES:
        raise InvalidResourceError(
            f"--config: {source}: is larger than {LARGEST_FILE_BYTES // MIB} MiB. Is it a model's config.json?"
        )
    return text


def _read_json(source: str, text: bytes) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidResourceError(
            f"--config: {source}: {where}: is not JSON: {error.msg}. A NemotronDeployment is planned without --config."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidResourceError(f"--config: {source}: is not JSON: no text at byte {error.start}.") from error
    except ValueError as error:  # Python reads no number of thousands of digits
        raise InvalidResourceError(
            f"--config: {source}: is no config.json: a number in it has too many digits."
        ) from error
    except RecursionError as error:
        raise InvalidResourceError(f"--config: {source}: is nested too deeply to be a config.json.") from error
    if not isinstance(values, dict):
        kind = type(values).__name__
        raise InvalidResourceError(
            f"--config: {source}: must be a mapping of fields as a model's config.json is (found {kind})."
        )
    return values


def _flatten_quantization(source: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Bring ModelOpt's own file into the form that stands in config.json (from_config in vllm/.../modelopt.py)."""
    inner = values.get("quantization")
    if not isinstance(inner, Mapping):
        raise InvalidResourceError(
            f"--config: {source}: quantization: must be a mapping with quant_algo (found {inner!r})."
        )
    return {"quant_method": "modelopt", **inner}
