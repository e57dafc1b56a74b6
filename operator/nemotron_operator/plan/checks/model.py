"""What is refused because of the model: it is not known, or the platform or the engine cannot take it."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.engine_version import parse_version
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.units import GIB

_NAMES_SHOWN = 5
"""How many names a message lists: the catalogue offers all of them where none is close."""


def model_is_known(request: PlanRequest) -> Violation | None:
    """Plan only models whose geometry is known."""
    if request.entry is not None:
        return None
    if not request.model_name:
        return Violation(
            Reason.UNKNOWN_MODEL,
            "spec.model.name is needed beside source.persistentVolumeClaim: the plan takes the geometry from the "
            "catalogue. `nemoctl models` lists those it knows.",
        )
    close = ", ".join(request.catalog.closest_names(request.model_name)[:_NAMES_SHOWN])
    return Violation(
        Reason.UNKNOWN_MODEL,
        f"spec.model: {request.model_name!r} is not in the catalogue. Closest: {close}. `nemoctl models` lists all. "
        "For a private copy of a known model set model.name to the known name and "
        "model.source.huggingFace.repository to the copy.",
    )


def remote_code_is_allowed(request: PlanRequest) -> Violation | None:
    """Run code from a model repository only where the platform said so."""
    if not request.spec.model.trust_remote_code or request.config.allow_trust_remote_code:
        return None
    return Violation(
        Reason.REMOTE_CODE_NOT_ALLOWED,
        "spec.model.trustRemoteCode: this cluster does not allow code from model repositories. Remove the field, or "
        "have the platform team set allowTrustRemoteCode.",
    )


def context_is_within_model(request: PlanRequest) -> Violation | None:
    """Stay within the positions that the model was made for."""
    wanted, longest = request.spec.engine.max_model_len, request.known_entry.context.max_model_len
    if not isinstance(wanted, int) or wanted <= longest:
        return None
    return Violation(
        Reason.CONTEXT_EXCEEDS_MODEL,
        f"spec.engine.maxModelLen: {wanted} tokens exceed the {longest} that {request.known_entry.name} was made for. "
        f"Set at most {longest}.",
    )


def geometry_is_known(request: PlanRequest) -> Violation | None:
    """Never guess what a model needs."""
    entry = request.known_entry
    if entry.config is not None:
        return None
    known = entry.known_weight_bytes
    size = f" Its weights are between {known.low / GIB:.0f} and {known.high / GIB:.0f} GiB." if known else ""
    return Violation(
        Reason.GEOMETRY_UNKNOWN,
        f"spec.model: the geometry of {entry.name} is not known to this catalogue, so nothing can be said of its "
        f"memory.{size} Have the platform team add the model's config.json under models[].config of the operator's "
        "configuration.",
    )


def remote_code_is_granted(request: PlanRequest) -> Violation | None:
    """Say before the download that a model does not load without its own code."""
    entry = request.known_entry
    if not entry.flags.trust_remote_code or request.spec.model.trust_remote_code:
        return None
    return Violation(
        Reason.REMOTE_CODE_NEEDED,
        f"spec.model.trustRemoteCode: {entry.name} brings Python code without which vLLM cannot load it. Set it to "
        "true if you trust that repository.",
    )


def engine_is_new_enough(request: PlanRequest) -> Violation | None:
    """Refuse an engine that does not know the model yet."""
    needed, version = request.known_entry.flags.minimum_vllm, request.engine_version
    if needed is None or version is None or parse_version(version) >= parse_version(needed):
        return None
    where, way_out = _blame_image(request)
    return Violation(
        Reason.ENGINE_TOO_OLD,
        f"{where}: {request.image!r} holds vLLM {version}, and {request.known_entry.name} needs {needed} or newer. "
        f"{way_out}",
    )


def _blame_image(request: PlanRequest) -> tuple[str, str]:
    """Tell which field named the image, and who can change it."""
    if request.spec.engine.image is not None:
        return "spec.engine.image", "Name a newer image, or remove the field."
    is_of_profile = request.profile is not None and request.profile.engine_image
    field = f"accelerators.{request.accelerator}.engineImage" if is_of_profile else "engineImage"
    way_out = (
        "Have the platform team raise it, or engineVersion where the image holds another release than its tag says; or "
        "set spec.engine.image."
    )
    return f"{field} of the operator's configuration", way_out
