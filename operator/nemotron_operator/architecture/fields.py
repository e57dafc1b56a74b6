"""Reading fields of a config.json, which is somebody else's file: every mistake is named."""

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nemotron_operator.architecture.errors import ArchitectureError

LARGEST_COUNT = 10**9
"""No field of a config.json that decides about memory is larger."""

MOST_LAYERS = 10_000
"""No model has more blocks; each is an object in memory."""


_SHOWN_CHARACTERS = 80


def show(value: object) -> str:
    """Write a value into a message, shortened: it may be a list of thousands."""
    text = reprlib.repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


@dataclass(frozen=True, slots=True)
class Fields:
    """A config.json, or the part of it that describes the language model."""

    values: Mapping[str, Any]
    where: str = ""
    """Path of the part, with a dot at its end; empty for the whole."""

    def count(self, *names: str, default: int | None = None, least: int = 1, most: int = LARGEST_COUNT) -> int:
        """Read a whole number of at least one, under the first of several names that is there.

        Raises
        ------
        ArchitectureError
            It is missing without a default, or is no such number.
        """
        name = next((name for name in names if self.values.get(name) is not None), None)
        if name is None:
            if default is None:
                raise ArchitectureError(f"config.json: {self.where}{names[0]}: is missing; the plan needs it.")
            return default
        value = self.values[name]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ArchitectureError(
                f"config.json: {self.where}{name}: must be a whole number from {least} to {most} (found {show(value)})."
            )
        return value

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self.values.get(name) is not None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read true or false."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ArchitectureError(f"config.json: {self.where}{name}: must be true or false (found {show(value)}).")
        return value

    def text(self, name: str, default: str = "") -> str:
        """Read text."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise ArchitectureError(f"config.json: {self.where}{name}: must be text (found {show(value)}).")
        return value

    def rows(self, name: str) -> list[Any]:
        """Read a list; an empty one when it is missing."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise ArchitectureError(f"config.json: {self.where}{name}: must be a list (found {show(value)}).")
        return list(value)

    def names(self, *names: str) -> list[str]:
        """Read lists of names, one after the other."""
        found = [(name, row) for name in names for row in self.rows(name)]
        wrong = next(((name, row) for name, row in found if not isinstance(row, str)), None)
        if wrong is not None:
            raise ArchitectureError(
                f"config.json: {self.where}{wrong[0]}: must be a list of names (found {show(wrong[1])} in it)."
            )
        return [row for _, row in found]

    def part(self, name: str) -> "Fields":
        """Read a mapping; an empty one when it is missing."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise ArchitectureError(f"config.json: {self.where}{name}: must be a mapping (found {show(value)}).")
        return Fields(value or {}, f"{self.where}{name}.")

    def parts(self, name: str) -> dict[str, "Fields"]:
        """Read a mapping of mappings; an empty one when it is missing."""
        whole = self.part(name)
        return {str(key): whole.part(key) for key in whole.values}
