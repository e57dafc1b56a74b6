"""Tell in words what differs between two lists of arguments, two environments, or two maps."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

_LONGEST_VALUE = 60
"""Characters of a value."""

Arguments = Mapping[str, tuple[str, ...]]
"""Values by the name of the option that they follow; those before the first option have the empty name."""


def tell_arguments(of: str, old: Sequence[str] | None, new: Sequence[str] | None) -> Iterator[str]:
    """Tell which arguments came, went or changed: `argument --max-num-seqs=1024 -> 512`."""
    before, after = _read_arguments(old or ()), _read_arguments(new or ())
    for name in dict.fromkeys([*after, *before]):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            what = "argument added" if was is None else "argument removed"
            yield f"{of}{what}: {_write_argument(name, now or was or ())}"
        elif was != now:
            yield f"{of}argument {_write_argument(name, was)} -> {_join(now)}"


def tell_environment(
    of: str, old: Sequence[Mapping[str, Any]] | None, new: Sequence[Mapping[str, Any]] | None
) -> Iterator[str]:
    """Tell which variables came, went or changed; a value only where both are literal."""
    before, after = index_by_name(old), index_by_name(new)
    for name in dict.fromkeys([*after, *before]):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            yield f"{of}environment variable {name} {'added' if was is None else 'removed'}"
        elif was != now:
            is_literal = "value" in was and "value" in now
            change = f"={_shorten(was['value'])} -> {_shorten(now['value'])}" if is_literal else " has another source"
            yield f"{of}environment variable {name}{change}"


def tell_map(
    kind: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, *, shows_values: bool = False
) -> Iterator[str]:
    """Tell which entries came, went or changed: `annotation example.com/team added`."""
    before, after = old or {}, new or {}
    for name in dict.fromkeys([*after, *before]):
        if name not in before or name not in after:
            yield f"{kind} {name} {'added' if name in after else 'removed'}"
        elif before[name] != after[name]:
            values = f"={_shorten(before[name])} -> {_shorten(after[name])}" if shows_values else " changed"
            yield f"{kind} {name}{values}"


def tell_fields(of: str, old: Mapping[str, Any], new: Mapping[str, Any], told: Collection[str]) -> Iterator[str]:
    """Tell which fields changed, but for those that are told by what is in them; plain values with what they were."""
    for field in sorted({*old, *new}):
        if field in told or old.get(field) == new.get(field):
            continue
        is_plain = all(isinstance(each.get(field), str | int) for each in (old, new))
        yield f"{of}{field}" + (f"={_shorten(old[field])} -> {_shorten(new[field])}" if is_plain else " changed")


def index_by_name(listed: Sequence[Mapping[str, Any]] | None) -> dict[str, Mapping[str, Any]]:
    """Find the items of a list by their names."""
    return {each["name"]: each for each in listed or ()}


def _read_arguments(arguments: Sequence[str]) -> Arguments:
    """Read a command line: `--name=value`, `--name value value`, `--name`; one that is given twice has all values."""
    read: dict[str, tuple[str, ...]] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name, is_given, value = argument.partition("=")
            read[name] = (*read.get(name, ()), *([value] if is_given else []))
        else:
            read[name] = (*read.get(name, ()), argument)
    return read


def _write_argument(name: str, values: Sequence[str]) -> str:
    return f"{name}={_join(values)}" if name and values else name or _join(values)


def _join(values: Sequence[str]) -> str:
    return _shorten(" ".join(values)) if values else "(no value)"


def _shorten(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
