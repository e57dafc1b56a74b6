"""What the platform team forbids, and what belongs to somebody else."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.arguments import explain_forbidden_variable
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.extra_arguments import find_refused_argument
from nemotron_operator.plan.facts import ForeignObject
from nemotron_operator.plan.image_prefix import is_below
from nemotron_operator.plan.request import PlanRequest


def accelerator_is_known(request: PlanRequest) -> Violation | None:
    """Plan only for GPUs whose memory is known."""
    if request.profile is not None:
        return None
    known = ", ".join(sorted(request.config.accelerators))
    return Violation(
        Reason.UNKNOWN_ACCELERATOR,
        f"spec.accelerator: {request.accelerator!r} is not a profile of the operator's configuration. Known: {known}.",
    )


def image_is_allowed(request: PlanRequest) -> Violation | None:
    """Run only images that the platform trusts, whoever writes the resource."""
    image = request.spec.engine.image
    if image is None or is_below(image, request.config.allowed_image_prefixes):
        return None
    allowed = ", ".join(request.config.allowed_image_prefixes)
    return Violation(
        Reason.IMAGE_NOT_ALLOWED,
        f"spec.engine.image: {image!r} does not start with an allowed prefix ({allowed}). Remove the field, or have "
        "the platform team add the prefix to allowedImagePrefixes.",
    )


def extra_arguments_are_allowed(request: PlanRequest) -> Violation | None:
    """Keep one source for every setting, no argument that opens the server, and none that this vLLM does not take."""
    refused = find_refused_argument(request.spec.engine.extra_args, request.engine_options)
    if refused is None:
        return None
    return Violation(Reason.ARGUMENT_NOT_ALLOWED, f"spec.engine.extraArgs[{refused.index}]: {refused.message}")


def extra_variables_are_allowed(request: PlanRequest) -> Violation | None:
    """Keep out variables that load code or undo what the operator sets."""
    for variable in request.spec.engine.env:
        refusal = explain_forbidden_variable(variable.name)
        if refusal:
            return Violation(Reason.ENVIRONMENT_NOT_ALLOWED, f"spec.engine.env: {variable.name!r} {refusal}.")
    return None


def names_are_free(request: PlanRequest) -> Violation | None:
    """Never take over what belongs to somebody else."""
    found = next(iter(request.facts.foreign_objects), None)
    return refuse_foreign(found) if found is not None else None


def refuse_foreign(found: ForeignObject) -> Violation:
    """Explain that an object of somebody else has a name that is needed."""
    return Violation(
        Reason.NAME_CONFLICT,
        f"{found.kind} {found.name!r} exists and belongs to {found.owner}. It was not touched, and nothing was "
        f"applied. Rename this resource, or move the {found.kind} away.",
    )
