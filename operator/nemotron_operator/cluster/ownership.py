"""Whose object is it? Asked before every first write."""

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import CLAIM
from nemotron_operator.constants import DEPLOYMENT_LABEL, FIELD_MANAGER, KIND, MANAGED_BY_LABEL
from nemotron_operator.errors import ConflictError
from nemotron_operator.plan.facts import ForeignObject


def find_foreign(live: KubernetesObject, identity: Identity) -> ForeignObject | None:
    """Describe the owner of an object that is not ours; None when it is.

    Raises
    ------
    ConflictError
        It belongs to an earlier resource of the same name, and the garbage collector has yet to delete it.
    """
    metadata = live["metadata"]
    if live["kind"] == CLAIM.name:
        return None if _is_managed(live) else _describe(live)
    controller = next((owner for owner in metadata.get("ownerReferences") or [] if owner.get("controller")), None)
    if controller is None or controller.get("kind") != KIND or controller["name"] != identity.name:
        return _describe(live)
    if controller["uid"] != identity.uid:
        raise ConflictError(
            f"{live['kind']} {metadata['name']!r} still belongs to a deleted {KIND} of the same name; the garbage "
            "collector removes it."
        )
    return None


def is_orphan(live: KubernetesObject, identity: Identity) -> bool:
    """Tell whether an object was made for a resource of this name, and lost it: `kubectl delete --cascade=orphan`."""
    is_of_that_name = (live["metadata"].get("labels") or {}).get(DEPLOYMENT_LABEL) == identity.name
    return is_of_that_name and _is_managed(live) and not live["metadata"].get("ownerReferences")


def _is_managed(live: KubernetesObject) -> bool:
    return (live["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == FIELD_MANAGER


def _describe(live: KubernetesObject) -> ForeignObject:
    metadata = live["metadata"]
    controller = next((owner for owner in metadata.get("ownerReferences") or [] if owner.get("controller")), None)
    if controller is not None:
        owner = f"{controller['kind']} {controller['name']!r}"
    else:
        owner = (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) or "somebody else (it names no owner)"
    return ForeignObject(live["kind"], metadata["name"], owner)
