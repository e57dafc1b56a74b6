"""Tell in words what differs between two pod templates."""

from collections.abc import Iterator, Mapping
from typing import Any

from nemotron_operator.render.server_pod import PodTemplate
from nemotron_operator.rollout.field_changes import (
    index_by_name,
    tell_arguments,
    tell_environment,
    tell_fields,
    tell_map,
)

MOST_DIFFERENCES = 12
"""How many are told; the rest is counted."""

LONGEST_DIFFERENCE = 160
"""Characters of one of them."""

_TOLD_BY_NAME = frozenset({"args", "command", "env", "image", "name", "resources"})
"""Fields of a container that are told by what is in them."""

_TOLD_APART = frozenset({"containers", "initContainers", "volumes"})
"""Fields of a pod that are told by what is in them."""

_OF_THE_API_SERVER = "dnsPolicy"
"""A field that no template of ours sets: where it is there, the API server has written its defaults out."""


def list_differences(before: PodTemplate, after: PodTemplate) -> tuple[str, ...]:
    """List what the second template changes, the most telling first; arguments and variables by their names.

    No value of a variable that comes from a Secret is told, and no text of a program.
    """
    if before == after:
        return ()
    told = [_cut(words) for words in dict.fromkeys(_tell(before, after))]
    more = len(told) - MOST_DIFFERENCES
    shown = told if more <= 0 else [*told[:MOST_DIFFERENCES], f"and {more} more"]
    return tuple(shown) or ("what has its default is written out",)


def _tell(before: PodTemplate, after: PodTemplate) -> Iterator[str]:
    old, new = _list_containers(before), _list_containers(after)
    names = dict.fromkeys([*new, *old])
    kept = [name for name in names if name in old and name in new]
    for name in kept:
        yield from _tell_container(_of(name, after), old[name], new[name])
    for name in names:
        if name not in kept:
            yield f"container {'removed' if name in old else 'added'}: {name}"
    if _OF_THE_API_SERVER in before["spec"]:
        return  # what is left would be what the API server added
    for name in kept:
        yield from tell_fields(_of(name, after), old[name], new[name], _TOLD_BY_NAME)
    for kind in ("label", "annotation"):
        yield from tell_map(kind, before["metadata"].get(f"{kind}s"), after["metadata"].get(f"{kind}s"))
    volumes = (index_by_name(template["spec"].get("volumes")) for template in (before, after))
    yield from tell_map("volume", *volumes)
    yield from tell_fields("", before["spec"], after["spec"], _TOLD_APART)


def _tell_container(of: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old.get("image") != new.get("image"):
        yield f"{of}image {old.get('image')} -> {new.get('image')}"
    if old.get("command") != new.get("command"):
        yield f"{of}program"
    yield from tell_arguments(of, old.get("args"), new.get("args"))
    yield from tell_environment(of, old.get("env"), new.get("env"))
    for kind in ("requests", "limits"):
        amounts = ((each.get("resources") or {}).get(kind) for each in (old, new))
        yield from tell_map(f"{of}{kind}", *amounts, shows_values=True)


def _list_containers(template: PodTemplate) -> dict[str, Mapping[str, Any]]:
    """List the containers by name, the engine's before those beside it."""
    spec = template["spec"]
    return index_by_name([*spec["containers"], *(spec.get("initContainers") or ())])


def _of(name: str, template: PodTemplate) -> str:
    """Say whose it is, where it is not the engine's, but of what runs before it or beside it."""
    is_aside = any(each["name"] == name for each in template["spec"].get("initContainers") or ())
    return f"the {name}'s " if is_aside else ""


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST_DIFFERENCE else f"{words[: LONGEST_DIFFERENCE - 3]}..."
