"""What may go wrong with the volume although nothing forbids it: sentences for the plan's message."""

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.memory.weights import count_repository_bytes
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.source import choose_claim_name
from nemotron_operator.plan.storage import ZONAL_PROVISIONERS, choose_storage_class
from nemotron_operator.units import GIB

COMPILED_CODE_BYTES = 2 * GIB
"""What compiled code may come to: Inductor, Triton and FlashInfer leave some hundred MB for each engine setting."""


def list_volume_doubts(request: PlanRequest) -> tuple[str, ...]:
    """List the doubts about the volume that a download fills."""
    doubts = (_doubt_zone(request), _doubt_new_size(request), _doubt_existing_size(request))
    return tuple(doubt for doubt in doubts if doubt is not None)


def _doubt_zone(request: PlanRequest) -> str | None:
    """Doubt the zone of a volume that is still to be made, which is when the StorageClasses are known."""
    cache, facts = request.spec.cache, request.facts
    is_there = choose_claim_name(request.spec, request.catalog) in facts.claims
    found = choose_storage_class(facts.storage_classes or (), cache.storage_class_name)
    if is_there or found is None or found.waits_for_consumer or "ReadWriteMany" in cache.access_modes:
        return None
    if found.provisioner not in ZONAL_PROVISIONERS:
        return None
    return (
        f"StorageClass {found.name!r} makes the volume at once, in any zone, also one without {request.accelerator} "
        "nodes, from where no GPU reaches it: a class with volumeBindingMode: WaitForFirstConsumer makes it where the "
        "pods run."
    )


def _doubt_new_size(request: PlanRequest) -> str | None:
    cache, weights = request.spec.cache, count_repository_bytes(request.architecture)
    if cache.size is None:
        return None
    left = int(parse_quantity(cache.size)) - weights
    if left >= COMPILED_CODE_BYTES:
        return None
    return (
        f"spec.cache.size: {cache.size} leaves {_gib(left)} beside the weights of {_gib(weights)}, and compiled code "
        f"may take {_gib(COMPILED_CODE_BYTES)}: {-(-(weights + COMPILED_CODE_BYTES) // GIB)}Gi hold both."
    )


def _doubt_existing_size(request: PlanRequest) -> str | None:
    """Doubt that a claim of the user's holds another revision; one that asks for less than it has says nothing."""
    name, weights = request.spec.cache.existing_claim, count_repository_bytes(request.architecture)
    live = request.facts.claims.get(name) if name else None
    if live is None or not weights <= live.size_bytes < 2 * weights + COMPILED_CODE_BYTES:
        return None
    return (
        f"Volume {name!r} of {_gib(live.size_bytes)} leaves {_gib(live.size_bytes - weights)} beside the weights of "
        f"{_gib(weights)}: compiled code (about {_gib(COMPILED_CODE_BYTES)}) and another revision, which is fetched "
        f"beside this one, need {-(-(2 * weights + COMPILED_CODE_BYTES) // GIB)}Gi together."
    )


def _gib(count_bytes: int) -> str:
    return f"{count_bytes / GIB:.1f} GiB"
