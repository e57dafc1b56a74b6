"""How the volume with the weights may be mounted, and what that means for where pods run."""

from collections.abc import Collection

from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.source import choose_claim_name

DEFAULT_ACCESS_MODES = ("ReadWriteOnce",)
"""What every StorageClass can do."""

ONE_POD = "ReadWriteOncePod"
"""The mode that one pod excludes all others from."""

READ_ONLY = "ReadOnlyMany"
"""The mode in which nothing is written."""


def plan_access_modes(request: PlanRequest) -> tuple[str, ...]:
    """Tell how the volume may be mounted: as it is, or as it would be made. Every node mounts an image."""
    source = request.spec.model.source
    if source is not None and source.oci_image is not None:
        return (READ_ONLY,)
    live = request.facts.claims.get(choose_claim_name(request.spec, request.catalog))
    return live.access_modes if live else request.spec.cache.access_modes or DEFAULT_ACCESS_MODES


def is_for_one_pod(modes: Collection[str]) -> bool:
    """Tell whether a pod excludes all others, also those of its own node."""
    return set(modes) == {ONE_POD}


def is_for_one_node(modes: Collection[str]) -> bool:
    """Tell whether all pods that mount it at a time have to run on one node."""
    return not set(modes) & {"ReadWriteMany", READ_ONLY}


def can_be_written(modes: Collection[str]) -> bool:
    """Tell whether any pod may write."""
    return set(modes) != {READ_ONLY}
