"""What `vllm serve` takes, by version: data files that vLLM's own parser wrote, so that no vLLM is needed here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from typing_extensions import override

from nemotron_operator.api.fields import ApiModel
from nemotron_operator.errors import CatalogError


class EngineOption(ApiModel):
    """One option of `vllm serve`, as argparse has it."""

    names: Annotated[tuple[str, ...], Field(min_length=1)]
    """Every name: long and short, negations too, and those that vLLM's help hides."""
    values: Literal["none", "one", "optional", "some", "any"]
    """How many values follow; `some` is at least one, `any` may be none."""
    kind: Literal["text", "integer", "integer with unit", "float", "json", "text or json"] = "text"
    """What a value must look like."""
    choices: tuple[str, ...] = ()
    """The only values that are taken; none listed means no such limit."""

    @property
    def takes_keys(self) -> bool:
        """Whether `--name.key value` sets one key of a JSON value."""
        return self.kind in ("json", "text or json")


class EngineOptionsFile(ApiModel):
    """A data file."""

    version: str
    """The vLLM version."""
    options: tuple[EngineOption, ...]
    """All options, sorted by their first name."""


_OLD_NEGATIONS = {"--disable-": "--no-enable-", "--enable-": "--no-disable-"}
"""How vLLM before 0.33 wrote these, which look like their opposites."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The options of one vLLM version."""

    version: str
    by_name: Mapping[str, EngineOption]

    def find(self, name: str) -> EngineOption | None:
        """Find an option by one of its names, written in full."""
        return self.by_name.get(name)

    def closest_name(self, name: str) -> str | None:
        """Find the long name that a person may have meant; None if none is close."""
        renamed = [name.replace(new, old, 1) for new, old in _OLD_NEGATIONS.items() if name.startswith(new)]
        if renamed and renamed[0] in self.by_name:
            return renamed[0]
        long = [known for known in self.by_name if known.startswith("--")]
        return next(iter(get_close_matches(name, long, n=1)), None)


def make_engine_options(file: EngineOptionsFile) -> EngineOptions:
    """Index options by each of their names."""
    by_name = {name: option for option in file.options for name in option.names}
    return EngineOptions(file.version, MappingProxyType(by_name))


class _ShippedOptions(Mapping[str, EngineOptions]):
    """Options by vLLM version; each file is read when its version is first asked for."""

    def __init__(self, files: Mapping[str, Traversable]) -> None:
        self._files = files
        self._read: dict[str, EngineOptions] = {}

    @override
    def __getitem__(self, version: str) -> EngineOptions:
        if version not in self._read:
            file = self._files[version]
            self._read[version] = _read(file.name, file.read_text())
        return self._read[version]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    @override
    def __len__(self) -> int:
        return len(self._files)


@cache
def load_engine_options() -> Mapping[str, EngineOptions]:
    """Find what ships with the operator, by vLLM version, which is the name of its file.

    Raises
    ------
    CatalogError
        Looking at a version raises it when its file does not follow the schema.
    """
    folder = resources.files(__package__).joinpath("vllm_options")
    files = {file.name.removesuffix(".json"): file for file in folder.iterdir() if file.name.endswith(".json")}
    return _ShippedOptions(dict(sorted(files.items())))


def _read(file_name: str, text: str) -> EngineOptions:
    try:
        return make_engine_options(EngineOptionsFile.model_validate_json(text))
    except ValidationError as error:
        raise CatalogError(f"engine options file {file_name}: {error}") from error
