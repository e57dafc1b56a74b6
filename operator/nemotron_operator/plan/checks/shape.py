"""What the engine cannot do on any amount of memory: shares that do not divide, batches larger than a step."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.alternatives import without_tensor
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.memory.parallelism import (
    Parallelism,
    explain_illegal_pipeline,
    explain_illegal_size,
    list_legal_tensor_parallel_sizes,
)
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.shape import make_shape
from nemotron_operator.plan.sizing import choose_sizing


def tensor_parallel_divides(request: PlanRequest) -> Violation | None:
    """Split whole heads, as vLLM must."""
    wanted = request.spec.parallelism.tensor
    refusal = explain_illegal_size(request.architecture, wanted) if wanted else None
    if refusal is None:
        return None
    pipeline = request.spec.parallelism.pipeline or 1
    legal = list_legal_tensor_parallel_sizes(
        request.architecture, max(1, request.known_profile.gpus_per_node // pipeline)
    )
    return Violation(
        Reason.TENSOR_PARALLEL_DOES_NOT_DIVIDE,
        f"spec.parallelism.tensor: {wanted} {refusal}. Possible on {request.accelerator}: "
        f"{', '.join(map(str, legal))}.{_suggest_tensor(request, pipeline)}",
    )


def _suggest_tensor(request: PlanRequest, pipeline: int) -> str:
    """Tell the smallest size that fits beside the pipeline, where that itself can be had."""
    if pipeline > request.known_profile.gpus_per_node or explain_illegal_pipeline(request.architecture, pipeline):
        return ""
    fitting = choose_sizing(without_tensor(request))
    return f" The smallest that fits is {fitting.shape.parallelism.tensor}." if fitting.fits else ""


def pipeline_has_layers(request: PlanRequest) -> Violation | None:
    """Give every pipeline stage layers that vLLM can make."""
    wanted = request.spec.parallelism.pipeline
    refusal = explain_illegal_pipeline(request.architecture, wanted) if wanted else None
    if refusal is None:
        return None
    gpus = request.known_profile.gpus_per_node
    legal = [size for size in range(1, gpus + 1) if explain_illegal_pipeline(request.architecture, size) is None]
    return Violation(
        Reason.PIPELINE_PARALLEL_EXCEEDS_LAYERS,
        f"spec.parallelism.pipeline: {wanted} {refusal}. Possible on {request.accelerator}: "
        f"{', '.join(map(str, legal))}.",
    )


def parallelism_fits_node(request: PlanRequest) -> Violation | None:
    """Keep one replica on one node."""
    parallelism, available = request.spec.parallelism, request.known_profile.gpus_per_node
    tensor, pipeline = parallelism.tensor or 1, parallelism.pipeline or 1
    if tensor * pipeline <= available:
        return None
    legal = list_legal_tensor_parallel_sizes(request.architecture, max(1, available // pipeline))
    field = "spec.parallelism.tensor" if pipeline == 1 else "spec.parallelism"
    gpus = f"{tensor} GPUs" if pipeline == 1 else f"tensor {tensor} x pipeline {pipeline} = {tensor * pipeline} GPUs"
    way_out = f"Set at most {legal[-1]}" if pipeline == 1 else "Lower one of them"
    return Violation(
        Reason.TENSOR_PARALLEL_EXCEEDS_NODE,
        f"{field}: {gpus} are more than the {available} of one {request.accelerator} node. {way_out}.",
    )


def step_holds_batch(request: PlanRequest) -> Violation | None:
    """Keep the tokens of a step no fewer than the sequences of a batch, as vLLM must."""
    batch = make_shape(request, Parallelism()).batch
    if batch.max_num_batched_tokens >= batch.max_num_seqs:
        return None
    return Violation(
        Reason.BATCH_EXCEEDS_STEP,
        f"spec.engine: {batch.max_num_seqs} sequences (maxNumSeqs) are more than the {batch.max_num_batched_tokens} "
        "tokens of one step (maxNumBatchedTokens): vLLM refuses that. Lower maxNumSeqs, or raise maxNumBatchedTokens "
        f"to {batch.max_num_seqs}.",
    )
