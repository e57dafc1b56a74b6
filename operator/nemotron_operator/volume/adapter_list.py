"""The list of adapters that the pods of a resource load while they run: one file on the volume, replaced as a whole."""

import fcntl
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemotron_operator.volume.durable import replace_file

LISTS_DIRECTORY = ".adapters"
"""The directory of the lists on the volume, beside the models."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AdapterList:
    """Which adapters one resource wants."""

    resource: str
    """Its name, for people: resources of one name may share a volume, in several namespaces or one after the other."""
    uid: str
    """Of the resource: it names the file."""
    generation: int
    adapters: Mapping[str, str]
    """Directories, as the engine finds them, by the names of the adapters."""
    kept: tuple[str, ...] = ()
    """Names of those that are on their way: an older list may say where an earlier one of the name is."""


def write_adapter_list(destination: Path, wanted: AdapterList) -> None:
    """Replace a resource's list, unless a newer one stands there: a Job may end late."""
    directory = destination / LISTS_DIRECTORY
    directory.mkdir(exist_ok=True)
    path = directory / f"{wanted.uid}.json"
    with path.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = _read(path)
        generation = there.get("generation")
        if isinstance(generation, int) and generation > wanted.generation:
            logger.info("The list of generation %d stays: this one is of %d.", generation, wanted.generation)
            return
        before = there.get("adapters")
        kept = {name: before[name] for name in wanted.kept if name in before} if isinstance(before, dict) else {}
        content = {
            "resource": wanted.resource,
            "generation": wanted.generation,
            "adapters": {**kept, **wanted.adapters},
        }
        replace_file(path, json.dumps(content, sort_keys=True).encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
