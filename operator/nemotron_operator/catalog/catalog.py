"""The Nemotron family: one data file per model, read once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import resources
from types import MappingProxyType

import yaml
from pydantic import ValidationError

from nemotron_operator.catalog.engine_options import EngineOptions, load_engine_options
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Catalog:
    """The entries by name."""

    entries: Mapping[str, CatalogEntry]
    engine_options: Mapping[str, EngineOptions]
    """What `vllm serve` takes, by the vLLM versions that are known."""

    def extend(self, entries: Iterable[CatalogEntry]) -> "Catalog":
        """Return a catalogue with more entries; one of a known name replaces it."""
        return replace(self, entries=MappingProxyType({**self.entries, **{entry.name: entry for entry in entries}}))

    def find(self, name: str) -> CatalogEntry | None:
        """Find an entry by its name or by its repository, whatever the case."""
        wanted = name.casefold()
        matches = (
            entry for entry in self.entries.values() if wanted in (entry.name.casefold(), entry.repository.casefold())
        )
        return next(matches, None)

    def closest_names(self, name: str) -> list[str]:
        """List the names that a person may have meant, the closest first; every name if none is close."""
        names = sorted(self.entries)
        return get_close_matches(name, names, n=3, cutoff=0.5) or names


@cache
def load_catalog() -> Catalog:
    """Read the entries that ship with the operator.

    Raises
    ------
    CatalogError
        A data file does not follow the schema.
    """
    folder = resources.files(__package__).joinpath("models")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return make_catalog(_read_entry(file.name, file.read_text()) for file in files if file.name.endswith(".yaml"))


def make_catalog(entries: Iterable[CatalogEntry]) -> Catalog:
    """Index entries by name; the engine's options are always those that ship."""
    return Catalog(MappingProxyType({entry.name: entry for entry in entries}), load_engine_options())


def _read_entry(file_name: str, text: str) -> CatalogEntry:
    try:
        return CatalogEntry.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        raise CatalogError(f"catalogue file {file_name}: {error}") from error
