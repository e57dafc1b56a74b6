"""What the cluster's storage cannot do: there is no such StorageClass, or its volumes do not grow."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.facts import ClaimFact
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.source import choose_claim_name, choose_download
from nemotron_operator.plan.storage import choose_storage_class, wants_growth
from nemotron_operator.units import GIB


def storage_class_exists(request: PlanRequest) -> Violation | None:
    """Refuse at once a volume that nobody would make."""
    classes, wanted = request.facts.storage_classes, request.spec.cache.storage_class_name
    if classes is None or not _makes_claim(request) or _find_shared_claim(request) is not None:
        return None
    if choose_storage_class(classes, wanted) is not None:
        return None
    names = ", ".join(sorted(found.name for found in classes))
    there = f"There {'is' if len(classes) == 1 else 'are'} {names} (`kubectl get storageclass`)." if names else ""
    if wanted is not None:
        message = f"spec.cache.storageClassName: there is no StorageClass {wanted!r} in this cluster."
        way_out = "Correct the name, or have the platform team make the class."
    else:
        message = "spec.cache.storageClassName is not set, and this cluster has no default StorageClass."
        way_out = (
            "Set the field, or have the platform team mark a class with the annotation "
            "storageclass.kubernetes.io/is-default-class."
        )
    there = there or "`kubectl get storageclass` lists none."
    return Violation(
        Reason.STORAGE_CLASS_NOT_FOUND,
        f"{message} {there} {way_out} A volume without a class is used by its claim: cache.existingClaim.",
    )


def volume_can_grow(request: PlanRequest) -> Violation | None:
    """Refuse a size that the API server would refuse, before anything else of the change is applied."""
    classes, live, cache = request.facts.storage_classes, _find_shared_claim(request), request.spec.cache
    if classes is None or live is None or not _makes_claim(request) or not wants_growth(cache, live):
        return None
    found = choose_storage_class(classes, live.storage_class_name) if live.storage_class_name else None
    if found is not None and found.can_grow:
        return None
    which = f"StorageClass {live.storage_class_name!r}" if live.storage_class_name else "a volume without StorageClass"
    return Violation(
        Reason.VOLUME_CANNOT_GROW,
        f"spec.cache.size: the volume has {live.size_bytes / GIB:.1f} GiB and cannot grow to {cache.size}: {which} "
        "does not have allowVolumeExpansion: true. Have the platform team set it if the driver can, or fill a larger "
        "claim of your own (cache.existingClaim).",
    )


def _makes_claim(request: PlanRequest) -> bool:
    """Tell whether the volume is one that the operator makes."""
    is_downloaded = choose_download(request.spec.model, request.catalog) is not None
    return is_downloaded and request.spec.cache.existing_claim is None


def _find_shared_claim(request: PlanRequest) -> ClaimFact | None:
    return request.facts.claims.get(choose_claim_name(request.spec, request.catalog))
