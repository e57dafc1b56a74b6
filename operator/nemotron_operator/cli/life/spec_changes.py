"""What differs between two specs, in words and as a merge patch. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]
"""A spec as JSON."""

STAYING = (("replicas",), ("autoscaling",), ("suspend",), ("rollout", "strategy"), ("cache", "size"))
"""Fields that a rollback leaves as they are: no pod shows them, scaling is not what is rolled back, and a volume only
grows."""

_LONGEST_VALUE = 60
"""Characters of a value that a line shows."""


@dataclass(frozen=True, slots=True)
class SpecChange:
    """One field that differs."""

    field: str
    """Its path, such as `engine.maxModelLen`."""
    before: Any
    """None where it was not set."""
    after: Any
    """None where it is not set any more."""

    def describe(self) -> str:
        """Tell it in a few words."""
        if self.before is None:
            return f"{self.field}: {_show(self.after)} (was not set)"
        if self.after is None:
            return f"{self.field}: not set (was {_show(self.before)})"
        return f"{self.field}: {_show(self.before)} -> {_show(self.after)}"


def list_changes(before: Spec, after: Spec) -> tuple[SpecChange, ...]:
    """List the fields that differ, by their paths; those that a rollback leaves alone are left out."""
    return tuple(_compare(_without_staying(before), _without_staying(after), ""))


def bring_back(kept: Spec, now: Spec) -> dict[str, Any]:
    """Make the spec that a rollback writes: the kept one, with the fields that stay as they are now."""
    spec = deepcopy(dict(kept))
    for path in STAYING:
        _set(spec, path, _get(now, path))
    return spec


def make_merge_patch(before: Spec, after: Spec) -> dict[str, Any]:
    """Make the JSON merge patch (RFC 7386) that turns one mapping into another: what goes is null."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        known = before.get(name)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            inner = make_merge_patch(known, value)
            patch |= {name: inner} if inner else {}
        elif name not in before or known != value:
            patch[name] = value
    return patch


def _compare(before: Any, after: Any, path: str) -> Iterator[SpecChange]:  # noqa: ANN401 - any JSON
    if before == after:
        return
    if not all(side is None or isinstance(side, Mapping) for side in (before, after)):
        yield SpecChange(path, before, after)
        return
    old, new = before or {}, after or {}
    for name in sorted({*old, *new}):
        yield from _compare(old.get(name), new.get(name), f"{path}.{name}" if path else name)


def _show(value: Any) -> str:  # noqa: ANN401 - any JSON
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _without_staying(spec: Spec) -> dict[str, Any]:
    left = deepcopy(dict(spec))
    for path in STAYING:
        _set(left, path, None)
    return left


def _get(spec: Spec, path: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON
    part: Any = spec
    for name in path:
        part = part.get(name) if isinstance(part, Mapping) else None
    return part


def _set(spec: dict[str, Any], path: Sequence[str], value: Any) -> None:  # noqa: ANN401 - any JSON
    """Set a field; None takes it away, and a parent that is empty then with it."""
    name, *rest = path
    if rest:
        inner = dict(spec.get(name) or {})
        _set(inner, rest, value)
        value = inner or None
    if value is None:
        spec.pop(name, None)
    else:
        spec[name] = value
