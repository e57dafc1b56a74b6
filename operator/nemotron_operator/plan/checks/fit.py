"""What the memory account says will not fit."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.alternatives import find_nearest_fitting
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.memory.account import GpuMemory
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import Sizing
from nemotron_operator.units import GIB


def weights_fit(request: PlanRequest, sizing: Sizing) -> Violation | None:
    """Refuse before a GPU is taken what would fail after minutes of loading."""
    if sizing.memory.kv_cache_bytes > 0:
        return None
    message = f"{_describe_memory(request, sizing)}{_tell_chance(sizing)} {_suggest(request, sizing)}"
    return Violation(Reason.WEIGHTS_DO_NOT_FIT, message)


def context_fits(request: PlanRequest, sizing: Sizing) -> Violation | None:
    """Have room in the KV cache for at least one sequence of full length."""
    if sizing.memory.holds(sizing.max_model_len):
        return None
    memory = sizing.memory
    needed = memory.layout.count_needed_blocks(sizing.max_model_len) * memory.layout.block_bytes
    return Violation(
        Reason.CONTEXT_DOES_NOT_FIT,
        f"{sizing.max_model_len} tokens need {_gib(needed)} of KV cache on each GPU. "
        f"{_describe_memory(request, sizing)} That holds {memory.find_longest(sizing.max_model_len)} tokens."
        f"{_tell_chance(sizing)} {_suggest(request, sizing)}",
    )


def states_fit(request: PlanRequest, sizing: Sizing) -> Violation | None:
    """Have a block for the Mamba state of every sequence of a batch, without which vLLM does not start."""
    if sizing.holds_states:
        return None
    blocks = sizing.memory.count_blocks()
    return Violation(
        Reason.BATCH_DOES_NOT_FIT,
        f"spec.engine.maxNumSeqs: {sizing.shape.batch.max_num_seqs} sequences need a block each for their Mamba state, "
        f"and there are {blocks}: vLLM would not start. {_describe_memory(request, sizing)} Set maxNumSeqs to {blocks} "
        "or less, or remove it.",
    )


def _describe_memory(request: PlanRequest, sizing: Sizing) -> str:
    memory, shape = sizing.memory, sizing.shape
    return (
        f"On {sizing.gpus} {request.accelerator} {'GPU' if sizing.gpus == 1 else 'GPUs'} of {_gib(memory.total_bytes)} "
        f"the engine takes {shape.gpu_memory_utilization_percent} % ({_gib(memory.requested_bytes)}) of each: weights "
        f"{_gib(memory.weights_bytes)}, working memory {_gib(memory.working_bytes)} "
        f"(maxNumSeqs {shape.batch.max_num_seqs}), {_describe_kv_cache(memory)}."
    )


def _describe_kv_cache(memory: GpuMemory) -> str:
    """Tell what the rest leaves, or what the engine is told, and what is missing for it."""
    told, left = memory.told_kv_cache_bytes, memory.kv_cache_bytes
    missing = f"{_gib(-left)} are missing"
    if told is None:
        return f"left for the KV cache {_gib(left)}" if left >= 0 else missing
    asked = f"KV cache {_gib(told)} (kvCacheMib of the accelerator)"
    if left >= 0:
        return asked
    would_help = ", and a smaller kvCacheMib would do" if -left < told else ""
    return f"{asked}, {missing}{would_help}"


def _tell_chance(sizing: Sizing) -> str:
    """Say that it may fit after all, when it does with every estimate at its best."""
    if not sizing.is_possible:
        return ""
    return " With the estimates at their best it fits: planPolicy: Warn tries it."


def _suggest(request: PlanRequest, sizing: Sizing) -> str:
    suggestions = find_nearest_fitting(request, sizing)
    if not suggestions:
        return "No accelerator of the configuration holds it on one node; parallelism.pipeline spreads it over several."
    return f"What fits: {', or '.join(suggestions)}."


def _gib(count_bytes: int) -> str:
    return f"{count_bytes / GIB:.2f} GiB"
