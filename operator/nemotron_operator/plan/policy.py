"""Policy: small functions that each refuse one thing, in the order in which a person would want to hear of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.arguments import explain_forbidden_variable
from nemotron_operator.plan.cache import plan_access_modes
from nemotron_operator.plan.extra_arguments import find_refused_argument
from nemotron_operator.plan.memory import GIB, count_repository_bytes
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import (
    Sizing,
    choose_sizing,
    explain_illegal_size,
    find_nearest_fitting,
    list_legal_tensor_parallel_sizes,
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that cannot work, with the way out in its message."""

    reason: Reason
    message: str


Check = Callable[[PlanRequest], Violation | None]
"""A check looks at the whole request and refuses at most one thing."""


def names_are_free(request: PlanRequest) -> Violation | None:
    """Never take over what belongs to somebody else."""
    if not request.facts.foreign_objects:
        return None
    found = request.facts.foreign_objects[0]
    return Violation(
        Reason.NAME_CONFLICT,
        f"{found.kind} {found.name!r} exists and belongs to {found.owner}. It was not touched, and nothing was "
        f"applied. Rename this resource, or move the {found.kind} away.",
    )


def model_is_known(request: PlanRequest) -> Violation | None:
    """Plan only models whose geometry is known."""
    if request.entry is not None:
        return None
    if not request.model_name:
        return Violation(
            Reason.UNKNOWN_MODEL,
            "spec.model.name is needed beside source.persistentVolumeClaim: the plan takes the geometry from the "
            f"catalogue. Known models: {', '.join(sorted(request.catalog.entries))}.",
        )
    close = ", ".join(request.catalog.closest_names(request.model_name))
    return Violation(
        Reason.UNKNOWN_MODEL,
        f"spec.model: {request.model_name!r} is not in the catalogue. Closest: {close}. For a private copy of a known "
        "model set model.name to the known name and model.source.huggingFace.repository to the copy.",
    )


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
    if image is None or image.startswith(request.config.allowed_image_prefixes):
        return None
    allowed = ", ".join(request.config.allowed_image_prefixes)
    return Violation(
        Reason.IMAGE_NOT_ALLOWED,
        f"spec.engine.image: {image!r} does not start with an allowed prefix ({allowed}). Remove the field, or have "
        "the platform team add the prefix to allowedImagePrefixes.",
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


def context_is_within_model(request: PlanRequest) -> Violation | None:
    """Stay within the positions that the model was made for."""
    wanted, longest = request.spec.engine.max_model_len, request.known_entry.context.max_model_len
    if wanted is None or wanted <= longest:
        return None
    return Violation(
        Reason.CONTEXT_EXCEEDS_MODEL,
        f"spec.engine.maxModelLen: {wanted} tokens exceed the {longest} that {request.known_entry.name} was made for. "
        f"Set at most {longest}.",
    )


def tensor_parallel_divides(request: PlanRequest) -> Violation | None:
    """Split whole heads, as vLLM must."""
    wanted = request.spec.parallelism.tensor
    geometry = request.known_entry.geometry
    refusal = explain_illegal_size(geometry, wanted) if wanted else None
    if refusal is None:
        return None
    legal = list_legal_tensor_parallel_sizes(geometry, request.known_profile.gpus_per_node)
    fitting = choose_sizing(_without_tensor_size(request))
    nearest = f" The smallest that fits is {fitting.shape.tensor_parallel_size}." if fitting.fits else ""
    return Violation(
        Reason.TENSOR_PARALLEL_DOES_NOT_DIVIDE,
        f"spec.parallelism.tensor: {wanted} {refusal}. Possible on {request.accelerator}: "
        f"{', '.join(map(str, legal))}.{nearest}",
    )


def tensor_parallel_fits_node(request: PlanRequest) -> Violation | None:
    """Keep one replica on one node."""
    wanted, available = request.spec.parallelism.tensor, request.known_profile.gpus_per_node
    if wanted is None or wanted <= available:
        return None
    largest = list_legal_tensor_parallel_sizes(request.known_entry.geometry, available)[-1]
    return Violation(
        Reason.TENSOR_PARALLEL_EXCEEDS_NODE,
        f"spec.parallelism.tensor: {wanted} GPUs are more than the {available} of one {request.accelerator} node. "
        f"Set at most {largest}.",
    )


def weights_fit(request: PlanRequest) -> Violation | None:
    """Refuse before a GPU is taken what would fail after minutes of loading."""
    sizing = choose_sizing(request)
    if sizing.memory.kv_cache_bytes > 0:
        return None
    return Violation(Reason.WEIGHTS_DO_NOT_FIT, f"{_describe_memory(request, sizing)} {_suggest(request, sizing)}")


def context_fits(request: PlanRequest) -> Violation | None:
    """Have room in the KV cache for at least one sequence of full length."""
    sizing = choose_sizing(request)
    if sizing.fits:
        return None
    memory = sizing.memory
    needed = sizing.max_model_len * memory.kv_bytes_per_token
    return Violation(
        Reason.CONTEXT_DOES_NOT_FIT,
        f"{sizing.max_model_len} tokens need {_gib(needed)} of KV cache on each GPU. "
        f"{_describe_memory(request, sizing)} That holds {memory.kv_cache_tokens} tokens. {_suggest(request, sizing)}",
    )


def step_holds_batch(request: PlanRequest) -> Violation | None:
    """Keep the tokens of a step no fewer than the sequences of a batch, as vLLM must."""
    shape = choose_sizing(request).shape
    if shape.max_num_batched_tokens >= shape.max_num_seqs:
        return None
    return Violation(
        Reason.BATCH_EXCEEDS_STEP,
        f"spec.engine: {shape.max_num_seqs} sequences (maxNumSeqs) are more than the {shape.max_num_batched_tokens} "
        "tokens of one step (maxNumBatchedTokens): vLLM refuses that. Lower maxNumSeqs, or raise maxNumBatchedTokens "
        f"to {shape.max_num_seqs}.",
    )


def cache_holds_weights(request: PlanRequest) -> Violation | None:
    """Refuse at once a volume that would be full after an hour of downloading."""
    size, needed = request.spec.cache.size, count_repository_bytes(request.known_entry)
    if size is None or parse_quantity(size) >= needed:
        return None
    return Violation(
        Reason.CACHE_TOO_SMALL,
        f"spec.cache.size: {size} is less than the {_gib(needed)} of the weights. Set at least "
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


def volume_reaches_replicas(request: PlanRequest) -> Violation | None:
    """Refuse replicas of which one would wait for ever for a volume that another holds."""
    replicas, modes = request.spec.replicas, plan_access_modes(request)
    gpus = replicas * choose_sizing(request).shape.tensor_parallel_size
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


CHECKS: tuple[Check, ...] = (
    model_is_known,  # without a geometry there is nothing to plan
    accelerator_is_known,  # without a GPU neither
    image_is_allowed,  # what the platform forbids is refused before any arithmetic
    remote_code_is_allowed,
    extra_arguments_are_allowed,
    extra_variables_are_allowed,
    context_is_within_model,  # what the model cannot do on any GPU
    tensor_parallel_divides,
    tensor_parallel_fits_node,  # what one node cannot do
    step_holds_batch,  # what the engine cannot do
    cache_holds_weights,  # what the volume cannot do
    named_claim_exists,
    volume_reaches_replicas,
    names_are_free,  # what the namespace does not allow
)
"""What cannot work at all. The first violation wins."""

FIT_CHECKS: tuple[Check, ...] = (
    weights_fit,
    context_fits,
)
"""What the memory account says will not fit. `planPolicy: Warn` turns these into warnings."""


def find_violation(request: PlanRequest, checks: Sequence[Check]) -> Violation | None:
    """Run the checks in order and return the first violation."""
    return next((violation for check in checks if (violation := check(request))), None)


def _without_tensor_size(request: PlanRequest) -> PlanRequest:
    parallelism = request.spec.parallelism.model_copy(update={"tensor": None})
    return replace(request, spec=request.spec.model_copy(update={"parallelism": parallelism}))


def _describe_memory(request: PlanRequest, sizing: Sizing) -> str:
    memory, shape = sizing.memory, sizing.shape
    plural = "GPU" if shape.tensor_parallel_size == 1 else "GPUs"
    left = memory.kv_cache_bytes
    remainder = f"left for the KV cache {_gib(left)}" if left >= 0 else f"{_gib(-left)} are missing"
    return (
        f"On {shape.tensor_parallel_size} {request.accelerator} {plural} of {_gib(memory.total_bytes)} the engine "
        f"takes {shape.gpu_memory_utilization_percent} % ({_gib(memory.requested_bytes)}) of each: weights "
        f"{_gib(memory.weights_bytes)}, working memory {_gib(memory.working_bytes)} "
        f"(maxNumSeqs {shape.max_num_seqs}), {remainder}."
    )


def _suggest(request: PlanRequest, sizing: Sizing) -> str:
    suggestions = find_nearest_fitting(request, sizing)
    if not suggestions:
        return "No accelerator of the configuration holds it on one node."
    return f"What fits: {', or '.join(suggestions)}."


def _gib(count_bytes: int) -> str:
    return f"{count_bytes / GIB:.2f} GiB"
