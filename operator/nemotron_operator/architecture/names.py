"""Names of modules as quantisation lists them: whole names by the ten thousand, parents, patterns and loose words."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from nemotron_operator.architecture.errors import ArchitectureError

_LAYER_NUMBER = re.compile(r"\.\d+(\.|$)")


class Names:
    """A list of names that is asked about many modules.

    vLLM compares every name with every entry, as a part of it or as a pattern (`is_layer_excluded` in
    vllm/.../quantization/modelopt.py). Entries with a layer's number can only be the name or a parent of it, which are
    looked up: a list of 41,100 experts costs no more than a list of ten.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        whole = list(entries)
        self._exact = frozenset(whole)
        self._patterns = [entry for entry in whole if "*" in entry]
        self._words = [entry for entry in whole if "*" not in entry and not _LAYER_NUMBER.search(entry)]

    def find(self, name: str) -> str | None:
        """Find the entry that means a module; None when none does."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            parent = ".".join(parts[:length])
            if parent in self._exact:
                return parent
        loose = (word for word in self._words if word in name)
        matching = (pattern for pattern in self._patterns if fnmatchcase(name, pattern))
        return next(loose, None) or next(matching, None)


class WholeNames:
    """A list of names as compressed-tensors compares them: a whole name, or a regular expression after `re:`."""

    def __init__(self, entries: Iterable[str]) -> None:
        whole = list(entries)
        self._exact = frozenset(whole)
        self._patterns = [_compile(entry) for entry in whole if entry.startswith("re:")]

    def __contains__(self, name: str) -> bool:
        return name in self._exact or any(pattern.match(name) for pattern in self._patterns)


def _compile(entry: str) -> re.Pattern[str]:
    try:
        return re.compile(entry.removeprefix("re:"))
    except (re.error, OverflowError, RecursionError) as error:
        raise ArchitectureError(
            f"config.json: quantization_config: {entry[:80]!r} is no regular expression: {error}."
        ) from error
