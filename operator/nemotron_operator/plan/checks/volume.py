"""What the volume cannot do."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.cache import plan_access_modes
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.memory.weights import count_repository_bytes
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import Sizing
from nemotron_operator.units import GIB


def cache_holds_weights(request: PlanRequest) -> Violation | None:
    """Refuse at once a volume that would be full after an hour of downloading."""
    size, needed = request.spec.cache.size, count_repository_bytes(request.architecture)
    if size is None or parse_quantity(size) >= needed:
        return None
    return Violation(
        Reason.CACHE_TOO_SMALL,
        f"spec.cache.size: {size} is less than the {needed / GIB:.2f} GiB of the weights. Set at least "
        f"{-(-needed * 11 // 10 // GIB)}Gi, or remove the field.",
    )


def named_claim_exists(request: PlanRequest) -> Violation | None:
    """Refuse at once a claim for which pods would wait for ever."""
    source = request.spec.model.source
    provided = source.persistent_volume_claim if source else None
    field, name = "spec.cache.existingClaim", request.spec.cache.existing_claim
    if provided is not None:
        field, name = "spec.model.source.persistentVolumeClaim.claimName", provided.claim_name
    if name is None or name in request.facts.claims:
        return None
    return Violation(
        Reason.CLAIM_NOT_FOUND,
        f"{field}: there is no PersistentVolumeClaim {name!r} in namespace {request.identity.namespace!r}. Create it "
        "(`kubectl get pvc` lists what is there), or correct the name.",
    )


def volume_reaches_replicas(request: PlanRequest, sizing: Sizing) -> Violation | None:
    """Refuse replicas of which one would wait for ever for a volume that another holds."""
    replicas, modes = request.spec.replicas, plan_access_modes(request)
    gpus = replicas * sizing.gpus
    is_for_one_pod = set(modes) == {"ReadWriteOncePod"}
    is_for_one_node = not set(modes) & {"ReadWriteMany", "ReadOnlyMany"}
    fits_one_node = gpus <= request.known_profile.gpus_per_node
    if replicas <= 1 or not (is_for_one_pod or (is_for_one_node and not fits_one_node)):
        return None
    return Violation(
        Reason.VOLUME_NOT_SHARED,
        f"spec.replicas: {replicas} replicas of {gpus // replicas} GPUs share a volume that only one "
        f"{'pod' if is_for_one_pod else 'node'} may mount ({', '.join(modes)}). Set cache.accessModes: [ReadWriteMany] "
        "on a storage class that can do it; the modes of a volume that exists cannot change.",
    )
