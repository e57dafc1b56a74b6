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


def disown_replicas(managed_fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the number of replicas from what an apply of the operator owns, so that the next one may leave it out.

    The API server removes a field that the last apply owned and the next one lacks, unless somebody else owns it too;
    then the default counts, which is one replica.
    """
    return [_without_replicas(entry) if _is_apply(entry) else entry for entry in managed_fields]


def _without_replicas(entry: dict[str, Any]) -> dict[str, Any]:
    fields = entry.get("fieldsV1") or {}
    spec = fields.get("f:spec") or {}
    if "f:replicas" not in spec:
        return entry
    kept = {field: owned for field, owned in spec.items() if field != "f:replicas"}
    return {**entry, "fieldsV1": {**fields, "f:spec": kept}}


def _is_apply(entry: dict[str, Any]) -> bool:
    is_ours = entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")
    return is_ours and entry.get("operation") == "Apply"


def _is_creation(entry: dict[str, Any]) -> bool:
    is_ours = entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")
    return is_ours and entry.get("operation") == "Update"
