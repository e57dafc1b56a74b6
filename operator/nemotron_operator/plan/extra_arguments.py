"""Read extra arguments as `vllm serve` would, and refuse the first that would not do.

Stricter than vLLM in one point: names are written in full, as an unambiguous beginning may be ambiguous in the next
version. Sources: vllm/utils/argparse_utils.py (`_` for `-`, `--name.key value`), argparse for the rest.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nemotron_operator.catalog.engine_options import EngineOption, EngineOptions
from nemotron_operator.plan.arguments import (
    OBJECT_STORES,
    STORING_ARGUMENTS,
    UNSAFE_KEYS,
    UNSAFE_VALUES,
    explain_forbidden_argument,
)

_NEGATIVE_INTEGER = re.compile(r"-\d+")
"""The only value that may begin with a dash on its own: vLLM takes `-0.5` for a part of a JSON argument."""

_WITH_UNIT = re.compile(r"\d+(\.\d+)?[kmgt]|\d+[KMGT]|auto|-1")
"""What vLLM reads beside plain numbers where it takes `8k`."""

UNSAFE = "loads code: it is not allowed here"
PAST_THE_CACHE = (
    "would be fetched past the cache and its checks: it is not allowed here; put it beside the weights, or remove it"
)


@dataclass(frozen=True, slots=True)
class ArgumentRefusal:
    """Why one of the extra arguments is refused."""

    index: int
    """Its place in the list."""
    message: str
    """What is wrong with it and the way out, with the argument itself."""


@dataclass(frozen=True, slots=True)
class _Argument:
    """One option of the list, with what follows it up to the next."""

    index: int
    text: str
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        """The option's name as vLLM reads it, without key and value."""
        return self.text.partition("=")[0].partition(".")[0].replace("_", "-")

    @property
    def has_key(self) -> bool:
        """Whether it sets one key of a JSON value."""
        return "." in self.text.partition("=")[0]

    @property
    def key(self) -> str:
        """The last key of `--name.key.key`."""
        return self.text.partition("=")[0].rpartition(".")[2].removesuffix("+")

    @property
    def own_value(self) -> str | None:
        """What stands after `=`."""
        _, equals, value = self.text.partition("=")
        return value if equals else None


def find_refused_argument(arguments: Sequence[str], options: EngineOptions | None) -> ArgumentRefusal | None:
    """Find the first argument that is not allowed, or that this vLLM would not take.

    Notes
    -----
    Without options (a version that is not known) only the rules of `plan/arguments.py` hold, whichever argument it is.
    """
    if options is None:
        return next(_list_forbidden(arguments), None)
    index = 0
    while index < len(arguments):
        if not arguments[index].startswith("-"):
            return ArgumentRefusal(index, f"{arguments[index]!r} is the value of no argument: remove it.")
        end = _find_end(arguments, index)
        argument = _Argument(index, arguments[index], tuple(arguments[index + 1 : end]))
        refusal = _refuse(argument, options)
        if refusal is not None:
            return refusal
        index = end
    return None


def list_names(arguments: Sequence[str]) -> list[str]:
    """List the options that are set, by their names as vLLM reads them."""
    return [_Argument(index, text, ()).name for index, text in enumerate(arguments) if text.startswith("--")]


def find_value(arguments: Sequence[str], name: str) -> str | None:
    """Find the value of an option, the last one where it is set again; None where it is not set."""
    for index in reversed(range(len(arguments))):
        argument = _Argument(index, arguments[index], tuple(arguments[index + 1 : index + 2]))
        if argument.name == name and not argument.has_key:
            return argument.own_value if argument.own_value is not None else next(iter(argument.values), None)
    return None


def is_switched_on(arguments: Sequence[str], name: str, negations: Sequence[str], *, default: bool) -> bool:
    """Tell whether an option without a value is set; it or one of its negations, whichever comes last."""
    said = [each for each in list_names(arguments) if each == name or each in negations]
    return said[-1] == name if said else default


def _list_forbidden(arguments: Sequence[str]) -> Iterator[ArgumentRefusal]:
    argument = _Argument(0, "", ())
    for index, text in enumerate(arguments):
        is_option = text.startswith("-")
        argument = _Argument(index, text, ()) if is_option else argument
        value = (argument.own_value or "") if is_option else text
        if why := explain_forbidden_argument(text):
            yield ArgumentRefusal(index, f"{text!r} {why}.")
        elif why := _explain_key(argument.key, value) or _explain_origin(argument.name, value):
            yield ArgumentRefusal(index, f"{argument.name}: {value!r} {why}.")


def _find_end(arguments: Sequence[str], index: int) -> int:
    """Find where the values of an option end."""
    end = index + 1
    while end < len(arguments) and _is_value(arguments[end]):
        end += 1
    return end


def _is_value(text: str) -> bool:
    return not text.startswith("-") or _NEGATIVE_INTEGER.fullmatch(text) is not None


def _refuse(argument: _Argument, options: EngineOptions) -> ArgumentRefusal | None:
    option = options.find(argument.name)
    forbidden = _explain_forbidden(argument, option)
    if forbidden is not None:
        return ArgumentRefusal(argument.index, f"{argument.text!r} {forbidden}.")
    if option is None:
        return ArgumentRefusal(argument.index, _explain_unknown(argument, options))
    problem = _count_values(argument, option) or _explain_values(argument, option)
    if problem is None:
        return None
    offset, message = problem
    return ArgumentRefusal(argument.index + offset, message)


def _explain_forbidden(argument: _Argument, option: EngineOption | None) -> str | None:
    """Ask the rules, for each name of an option: `--device-memory-utilization` is `--gpu-memory-utilization`."""
    if argument.text == "--":
        return "is no argument: remove it"
    if not argument.text.startswith("--") or option is None:
        return explain_forbidden_argument(argument.text)
    long = [name for name in option.names if name.startswith("--")]
    return next((why for name in long if (why := explain_forbidden_argument(name))), None)


def _explain_unknown(argument: _Argument, options: EngineOptions) -> str:
    if " " in argument.name:
        first, _, rest = argument.text.partition(" ")
        return f"{argument.text!r} is read as one name: write '{first}={rest}', or two items."
    message = f"vLLM {options.version} has no argument {argument.name}"
    closest = options.closest_name(argument.name)
    if closest is None:
        return f"{message}: remove it."
    forbidden = explain_forbidden_argument(closest)
    return f"{message}; did you mean {closest}?{f' That one {forbidden}.' if forbidden else ''}"


def _count_values(argument: _Argument, option: EngineOption) -> tuple[int, str] | None:
    """Compare the number of values with what the option takes; return the place of the fault and its words."""
    if argument.has_key and not option.takes_keys:
        return 0, f"{argument.name} has no keys: write {argument.name}=VALUE."
    if argument.own_value is not None and option.values == "none":
        return 0, f"{argument.name} takes no value: write {argument.name} alone."
    fewest, most = _find_limits(argument, option)
    if len(argument.values) < fewest:
        return 0, f"{argument.name} needs a value: write {argument.text}=VALUE."
    if len(argument.values) > most:
        return 1 + most, f"{argument.values[most]!r} is the value of no argument: remove it."
    return None


def _find_limits(argument: _Argument, option: EngineOption) -> tuple[int, int]:
    """Tell how many items may follow: the fewest, and the most."""
    if argument.own_value is not None:
        return 0, 0
    if argument.has_key:
        return 1, 1
    return _LIMITS[option.values]


_ENDLESS = 1_000_000
"""More values than any list has."""

_LIMITS: Mapping[str, tuple[int, int]] = {
    "none": (0, 0),
    "one": (1, 1),
    "optional": (0, 1),
    "some": (1, _ENDLESS),
    "any": (0, _ENDLESS),
}
"""The fewest and the most values of an option."""


def _explain_values(argument: _Argument, option: EngineOption) -> tuple[int, str] | None:
    """Look at each value; return the place of the first fault and its words."""
    values = argument.values if argument.own_value is None else (argument.own_value,)
    for place, value in enumerate(values):
        offset = 0 if argument.own_value is not None else place + 1
        problem = _explain_key(argument.key, value) if argument.has_key else _explain_value(option, value)
        if problem := problem or _explain_origin(argument.name, value):
            return offset, f"{argument.name}: {value!r} {problem}."
    return None


def _explain_key(key: str, value: str) -> str | None:
    if key in UNSAFE_KEYS:
        return UNSAFE
    return _explain_text(value) or _explain_parts(_read_json(value))


def _explain_value(option: EngineOption, value: str) -> str | None:
    if why := _explain_text(value):
        return why
    if option.choices and value not in option.choices:
        return f"is none of {', '.join(option.choices)}"
    if option.kind == "json" or (option.kind == "text or json" and value.lstrip().startswith("{")):
        part = _read_json(value)
        return "is no JSON" if part is _NO_JSON else _explain_parts(part)
    reads, words = _READERS.get(option.kind, (_is_text, ""))
    return None if reads(value) else words


def _explain_text(text: str) -> str | None:
    return UNSAFE if text in UNSAFE_VALUES else None


def _explain_origin(name: str, value: str) -> str | None:
    """Look for object stores in a value, and in all texts of one that is JSON."""
    if name in STORING_ARGUMENTS:
        return None
    texts = (value, *_list_texts(_read_json(value)))
    return PAST_THE_CACHE if any(text.lower().startswith(OBJECT_STORES) for text in texts) else None


def _list_texts(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from _list_texts(inner)


def _explain_parts(part: object) -> str | None:
    """Look for keys that load code, and for texts that may not be, anywhere in a JSON value."""
    if isinstance(part, dict):
        if any(key in UNSAFE_KEYS for key in part):
            return UNSAFE
        return next((why for inner in part.values() if (why := _explain_parts(inner))), None)
    if isinstance(part, list):
        return next((why for inner in part if (why := _explain_parts(inner))), None)
    return _explain_text(part) if isinstance(part, str) else None


_NO_JSON = object()
"""What is read where there is no JSON."""


def _read_json(text: str) -> Any:  # noqa: ANN401 - JSON may be anything
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NO_JSON


def _is_text(_text: str) -> bool:
    return True


def _is_integer(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_integer_with_unit(text: str) -> bool:
    return _is_integer(text) or _WITH_UNIT.fullmatch(text.strip()) is not None


_READERS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "integer": (_is_integer, "is no whole number"),
    "integer with unit": (_is_integer_with_unit, "is no whole number, nor one with a unit such as 8k"),
    "float": (_is_float, "is no number"),
}
"""How to tell that a value is of a kind, and what to say when it is not."""
