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
from nemotron_operator.plan.node_count import count_largest_tensor, count_nodes, list_divisors
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.shape import make_shape
from nemotron_operator.plan.sizing import choose_sizing


def tensor_parallel_divides(request: PlanRequest) -> Violation | None:
    """Split whole heads, as vLLM must."""
    wanted = request.spec.parallelism.tensor
    refusal = explain_illegal_size(request.architecture, wanted) if wanted else None
    if refusal is None:
        return None
    asked, gpus_per_node = request.spec.parallelism, request.known_profile.gpus_per_node
    legal = list_legal_tensor_parallel_sizes(request.architecture, max(1, count_largest_tensor(asked, gpus_per_node)))
    return Violation(
        Reason.TENSOR_PARALLEL_DOES_NOT_DIVIDE,
        f"spec.parallelism.tensor: {wanted} {refusal}. Possible on {request.accelerator}: "
        f"{', '.join(map(str, legal))}.{_suggest_tensor(request)}",
    )


def _suggest_tensor(request: PlanRequest) -> str:
    """Tell the smallest size that fits beside the pipeline, where that itself can be had."""
    refused = (pipeline_has_layers, nodes_divide_pipeline, parallelism_fits_nodes)
    if any(check(without_tensor(request)) is not None for check in refused):
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


def nodes_divide_pipeline(request: PlanRequest) -> Violation | None:
    """Give every node whole pipeline stages, the same number."""
    nodes, pipeline = request.spec.parallelism.nodes, request.spec.parallelism.pipeline or 1
    if nodes is None or pipeline % nodes == 0:
        return None
    possible = list_divisors(pipeline)
    other = f"nodes: {possible[0]}" if len(possible) == 1 else f"nodes to one of {', '.join(map(str, possible))}"
    return Violation(
        Reason.NODES_DO_NOT_DIVIDE,
        f"spec.parallelism.nodes: {nodes} nodes cannot have the same number of whole stages of pipeline {pipeline}. "
        f"Set parallelism.pipeline: {nodes} or a multiple of it, or {other}.",
    )


def parallelism_fits_nodes(request: PlanRequest) -> Violation | None:
    """Keep a tensor-parallel group on one node, and what a node has of a replica within its GPUs."""
    asked, available = request.spec.parallelism, request.known_profile.gpus_per_node
    tensor, pipeline = asked.tensor or 1, asked.pipeline or 1
    nodes = count_nodes(asked, Parallelism(tensor, pipeline), available)
    gpus = tensor * pipeline // nodes
    if gpus <= available:
        return None
    if tensor > available:
        legal = list_legal_tensor_parallel_sizes(request.architecture, available)
        return Violation(
            Reason.TENSOR_PARALLEL_EXCEEDS_NODE,
            f"spec.parallelism.tensor: {tensor} GPUs are more than the {available} of one {request.accelerator} node. "
            f"Set at most {legal[-1]}; parallelism.pipeline spreads a replica over more nodes.",
        )
    where = "on one node" if nodes == 1 else f"over {nodes} nodes"
    return Violation(
        Reason.TENSOR_PARALLEL_EXCEEDS_NODE,
        f"spec.parallelism: tensor {tensor} x pipeline {pipeline} {where} are {gpus} GPUs of each, more than the "
        f"{available} of one {request.accelerator} node. Lower one of them, or remove parallelism.nodes.",
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
