"""Is what should be already there? The answer decides whether a write is made at all. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.render.metadata import INTENT_ANNOTATION

_LIST_KEYS = ("name", "mountPath", "uid", "containerPort")
"""Fields by which the API server merges lists of objects; the first by which all differ is used."""


def is_in_place(desired: KubernetesObject, live: KubernetesObject) -> bool:
    """Tell whether a live object holds the intent: everything wanted is there, and nothing of ours is left over.

    Fields that others added or that the API server defaulted do not count. A field that the intent dropped shows in
    the hash that was recorded when it was last applied.
    """
    recorded = (live["metadata"].get("annotations") or {}).get(INTENT_ANNOTATION)
    return recorded == desired["metadata"]["annotations"][INTENT_ANNOTATION] and _contains(live, desired)


def _contains(live: Any, wanted: Any) -> bool:  # noqa: ANN401 - JSON is any of its types
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            _contains(live.get(key), value) for key, value in wanted.items() if not _is_empty(value) or key in live
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return isinstance(live, Sequence) and _contains_items(live, wanted)
    return bool(live == wanted)


def _contains_items(live: Sequence[Any], wanted: Sequence[Any]) -> bool:
    key = _find_list_key(wanted)
    if key is None:
        return len(live) == len(wanted) and all(map(_contains, live, wanted))
    live_by_key = {item.get(key): item for item in live if isinstance(item, Mapping)}
    return all(_contains(live_by_key.get(item[key]), item) for item in wanted)


def _find_list_key(wanted: Sequence[Any]) -> str | None:
    if not wanted or not all(isinstance(item, Mapping) for item in wanted):
        return None
    return next((key for key in _LIST_KEYS if _tells_apart(key, wanted)), None)


def _tells_apart(key: str, wanted: Sequence[Any]) -> bool:
    """Tell whether every item has the field, and each another value: one volume may be mounted twice."""
    return all(key in item for item in wanted) and len({item[key] for item in wanted}) == len(wanted)


def _is_empty(value: Any) -> bool:  # noqa: ANN401 - JSON is any of its types
    """Tell whether the API server would leave the field out."""
    return value is None or value in ({}, [], "")
