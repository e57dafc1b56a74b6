"""Where the bytes cannot be read again as `cache.verify` wants it."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.source import ClaimSource
from nemotron_operator.plan.access_modes import ONE_POD, is_for_one_pod, plan_access_modes
from nemotron_operator.plan.check import NEVER, ON_START
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.request import PlanRequest

_MANIFEST = "model.source.persistentVolumeClaim.manifest"
"""The field that has the hashes of the user's own weights written."""


def provided_weights_can_be_checked(request: PlanRequest) -> Violation | None:
    """Refuse to promise what cannot be kept of weights that the operator did not download."""
    provided, verify = _find_provided(request), request.spec.cache.verify
    if provided is None or verify == NEVER or (verify == ON_START and provided.manifest):
        return None
    settings = ("cache.verify: OnStart", verify != ON_START), (f"{_MANIFEST}: true", not provided.manifest)
    way_out = "Set " + " and ".join(setting for setting, is_missing in settings if is_missing)
    lack = (
        "could not be fetched again where they differ" if provided.manifest else "have no manifest to be held against"
    )
    return Violation(
        Reason.CHECK_NOT_POSSIBLE,
        f"spec.cache.verify: {verify}: the weights are yours, and {lack}. {way_out}, which keeps an engine from "
        "starting with damaged files; or remove the field.",
    )


def damage_can_be_repaired(request: PlanRequest) -> Violation | None:
    """Refuse a check whose pod would keep the volume from the Job that has to repair it."""
    is_one_pod = is_for_one_pod(plan_access_modes(request))
    if request.spec.cache.verify != ON_START or not is_one_pod or _find_provided(request) is not None:
        return None
    return Violation(
        Reason.VOLUME_NOT_SHARED,
        f"spec.cache.verify: OnStart: the pod that finds a damaged file holds a volume from which it excludes all "
        f"others ({ONE_POD}), so the file could never be fetched again. Set cache.accessModes: [ReadWriteOnce] on a "
        "volume that is made anew, or verify: Never.",
    )


def _find_provided(request: PlanRequest) -> ClaimSource | None:
    source = request.spec.model.source
    return source.persistent_volume_claim if source else None
