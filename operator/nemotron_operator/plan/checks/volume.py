"""What the volume cannot do."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.access_modes import (
    ONE_POD,
    can_be_written,
    is_for_one_node,
    is_for_one_pod,
    plan_access_modes,
)
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.memory.weights import count_repository_bytes
from nemotron_operator.plan.node_count import count_nodes
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.scaling import count_most_replicas
from nemotron_operator.plan.sizing import Sizing
from nemotron_operator.units import GIB

_SHARE = "Set cache.accessModes: [ReadWriteMany] on a storage class that can do it"

_MODES_ARE_FOR_EVER = "the modes of a volume that exists cannot change."


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


def volume_can_be_filled(request: PlanRequest) -> Violation | None:
    """Refuse a claim of the user's that a Job has to write to, and cannot."""
    source, name = request.spec.model.source, request.spec.cache.existing_claim
    provided = source.persistent_volume_claim if source else None
    field = "spec.cache.existingClaim"
    way_out = "Name one that can be written, or if the weights are there already: model.source.persistentVolumeClaim"
    if provided is not None:
        field, name = "spec.model.source.persistentVolumeClaim.manifest", provided.claim_name
        way_out = "Remove the field: without a manifest sizes are checked all the same"
        if not provided.manifest:
            return None
    live = request.facts.claims.get(name) if name else None
    if live is None or can_be_written(live.access_modes):
        return None
    return Violation(
        Reason.VOLUME_NOT_WRITABLE,
        f"{field}: claim {name!r} can only be read ({', '.join(live.access_modes)}). {way_out}.",
    )


def volume_reaches_download(request: PlanRequest) -> Violation | None:
    """Refuse a download that would wait for ever for a volume that the engine holds."""
    spec, modes = request.spec, plan_access_modes(request)
    if not is_for_one_pod(modes) or count_most_replicas(spec) == 0:
        return None
    existing = spec.cache.existing_claim
    if existing is None or request.facts.serving is None or request.facts.cached_models:
        return None
    return Violation(
        Reason.VOLUME_NOT_SHARED,
        f"spec.cache.existingClaim: the pod that serves holds claim {existing!r}, which one pod at a time may mount "
        f"({ONE_POD}): the Job that fetches this model would wait for ever. Name another claim.",
    )


def volume_reaches_replicas(request: PlanRequest, sizing: Sizing) -> Violation | None:
    """Refuse replicas of which one would wait for ever for a volume that another holds, or a part of one."""
    spec, modes = request.spec, plan_access_modes(request)
    field = "spec.replicas" if spec.autoscaling is None else "spec.autoscaling.maxReplicas"
    replicas = spec.replicas if spec.autoscaling is None else spec.autoscaling.max_replicas
    per_node, is_one_pod = request.known_profile.gpus_per_node, is_for_one_pod(modes)
    nodes = count_nodes(request.spec.parallelism, sizing.shape.parallelism, per_node)
    if nodes > 1:
        return _refuse_nodes(nodes, modes) if is_for_one_node(modes) else None
    fits_one_node = replicas * sizing.gpus <= per_node
    if replicas <= 1 or not (is_one_pod or (is_for_one_node(modes) and not fits_one_node)):
        return None
    fewer = "" if is_one_pod else f", or {field}: {per_node // sizing.gpus}, as many as one node holds"
    return Violation(
        Reason.VOLUME_NOT_SHARED,
        f"{field}: {replicas} replicas of {sizing.gpus} GPUs share a volume that only one "
        f"{'pod' if is_one_pod else 'node'} may mount ({', '.join(modes)}). {_SHARE}{fewer}; {_MODES_ARE_FOR_EVER}",
    )


def _refuse_nodes(nodes: int, modes: tuple[str, ...]) -> Violation:
    return Violation(
        Reason.VOLUME_NOT_SHARED,
        f"spec.parallelism: the {nodes} nodes of a replica share a volume that only one node may mount "
        f"({', '.join(modes)}). {_SHARE}, or take the weights from an image; {_MODES_ARE_FOR_EVER}",
    )
