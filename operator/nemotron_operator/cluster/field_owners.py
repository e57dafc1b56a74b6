"""Who owns which fields of an object, as far as the operator's own ownership goes. Pure."""

from typing import Any

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.constants import FIELD_MANAGER


def is_owned_as_created(live: KubernetesObject) -> bool:
    """Tell whether fields are still owned by the operator's creation of the object, and not by an apply."""
    return any(map(_is_creation, live["metadata"].get("managedFields") or []))


def turn_into_applied(managed_fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let an apply own what the creation owned.

    The operator applies only after this, so that no entry of an apply stands beside the one of the creation.
    """
    return [{**entry, "operation": "Apply"} if _is_creation(entry) else entry for entry in managed_fields]


def _is_creation(entry: dict[str, Any]) -> bool:
    is_ours = entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")
    return is_ours and entry.get("operation") == "Update"
