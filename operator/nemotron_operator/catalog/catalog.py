"""The Nemotron family: one data file per model, each read when it is first asked for."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, partial
from importlib import resources
from importlib.resources.abc import Traversable

import yaml
from pydantic import ValidationError
from typing_extensions import override

from nemotron_operator.catalog.engine_options import EngineOptions, load_engine_options
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.errors import CatalogError

_NAME = re.compile(r"^name: (\S+)$", re.MULTILINE)

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML brings it: it reads the largest file in milliseconds."""


class Entries(Mapping[str, CatalogEntry]):
    """Entries by name, each made when it is first looked at."""

    def __init__(self, makers: Mapping[str, Callable[[], CatalogEntry]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, CatalogEntry] = {}

    @override
    def __getitem__(self, name: str) -> CatalogEntry:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    @override
    def __len__(self) -> int:
        return len(self._makers)

    def extend(self, entries: Iterable[CatalogEntry]) -> "Entries":
        """Return more entries; one of a known name replaces it. The others stay the same objects, made once."""
        known = {name: partial(self.__getitem__, name) for name in self}
        return Entries({**known, **{entry.name: partial(_return, entry) for entry in entries}})


def _return(entry: CatalogEntry) -> CatalogEntry:
    return entry


@dataclass(frozen=True, slots=True)
class Catalog:
    """The entries by name."""

    entries: Entries
    engine_options: Mapping[str, EngineOptions]
    """What `vllm serve` takes, by the vLLM versions that are known."""

    def extend(self, entries: Iterable[CatalogEntry]) -> "Catalog":
        """Return a catalogue with more entries; one of a known name replaces it."""
        return replace(self, entries=self.entries.extend(entries))

    def find(self, name: str) -> CatalogEntry | None:
        """Find an entry by its name or by its repository, whatever the case."""
        wanted = name.casefold()
        by_name = next((each for each in self.entries if each.casefold() == wanted), None)
        if by_name is not None:
            return self.entries[by_name]
        # The shipped entries are called like their repositories; only others have to be looked into.
        return next((entry for entry in self.entries.values() if entry.repository.casefold() == wanted), None)

    def closest_names(self, name: str) -> list[str]:
        """List the names that a person may have meant, the closest first; every name if none is close."""
        names = sorted(self.entries)
        return get_close_matches(name, names, n=3, cutoff=0.5) or names


@cache
def load_catalog() -> Catalog:
    """Index the entries that ship with the operator.

    Raises
    ------
    CatalogError
        A data file has no name; looking at an entry raises it when the file does not follow the schema.
    """
    folder = resources.files(__package__).joinpath("models")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    makers = dict(index_entry(file) for file in files if file.name.endswith(".yaml"))
    return Catalog(Entries(makers), load_engine_options())


def make_catalog(entries: Iterable[CatalogEntry]) -> Catalog:
    """Index entries by name; the engine's options are always those that ship."""
    return Catalog(Entries({}).extend(entries), load_engine_options())


def index_entry(file: Traversable) -> tuple[str, Callable[[], CatalogEntry]]:
    """Read the name of a data file, and leave the rest for later.

    Raises
    ------
    CatalogError
        It has no name.
    """
    text = file.read_text()
    name = _NAME.search(text)
    if name is None:
        raise CatalogError(f"catalogue file {file.name}: name: is missing.")
    return name[1], lambda: read_entry(file.name, text)


def read_entry(file_name: str, text: str) -> CatalogEntry:
    """Read one entry.

    Raises
    ------
    CatalogError
        The file does not follow the schema.
    """
    try:
        return CatalogEntry.model_validate(yaml.load(text, _Loader))  # noqa: S506 - either of the safe loaders
    except (ValidationError, yaml.YAMLError) as error:
        raise CatalogError(f"catalogue file {file_name}: {error}") from error
