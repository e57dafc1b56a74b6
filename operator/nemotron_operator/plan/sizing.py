"""Sizing: which tensor parallel size and which context fit the GPUs, and what comes nearest when nothing does."""

from dataclasses import dataclass, replace

from nemotron_operator.catalog.entry import CatalogEntry, Geometry
from nemotron_operator.config import AcceleratorProfile
from nemotron_operator.plan.memory import MIB, EngineShape, GpuMemory, estimate_gpu_memory
from nemotron_operator.plan.request import KV_ELEMENT_BYTES, PlanRequest

SHORTEST_AUTOMATIC_CONTEXT_TOKENS = 4096
"""A context that nobody asked for is not made shorter than this; the model card itself serves 4096 tokens."""

CONTEXT_STEP_TOKENS = 1024
"""A context that the plan chooses is a multiple of this."""


_SPOILERS = {
    "max_num_seqs": "engine.maxNumSeqs",
    "max_num_batched_tokens": "engine.maxNumBatchedTokens",
    "gpu_memory_utilization_percent": "engine.gpuMemoryUtilizationPercent",
}
"""Settings that can take the room away, by their name in `EngineSpec` and `EngineShape`, and in the resource."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """One choice of parallelism and context, with its memory account."""

    shape: EngineShape
    max_model_len: int
    memory: GpuMemory

    @property
    def fits(self) -> bool:
        """Whether one sequence of full length fits beside the weights."""
        return self.memory.kv_cache_tokens >= self.max_model_len


def list_legal_tensor_parallel_sizes(geometry: Geometry, largest: int) -> list[int]:
    """List the sizes that vLLM accepts for this geometry, smallest first.

    Query heads and feed-forward width must divide (vllm/config/model.py, vllm/distributed/utils.py); KV heads are
    split, or replicated once the group is larger than their number (QKVParallelLinear in vllm/.../layers/linear.py).
    """
    return [size for size in range(1, largest + 1) if explain_illegal_size(geometry, size) is None]


def explain_illegal_size(geometry: Geometry, size: int) -> str | None:
    """Say why vLLM would refuse a tensor parallel size; None when it would not."""
    if geometry.attention_heads % size:
        return f"does not divide the model's {geometry.attention_heads} attention heads"
    if geometry.kv_heads % size and size % geometry.kv_heads:
        return f"neither divides the model's {geometry.kv_heads} KV heads nor is a multiple of them"
    if geometry.intermediate_size % size:
        return f"does not divide the model's feed-forward width of {geometry.intermediate_size}"
    return None


def choose_sizing(request: PlanRequest) -> Sizing:
    """Choose parallelism and context: what the user set stands, the rest is the smallest that fits.

    Notes
    -----
    When nothing fits, the choice that comes closest is returned, and its `fits` is False.
    """
    entry, profile = request.known_entry, request.known_profile
    wanted_context = request.spec.engine.max_model_len
    context = wanted_context or entry.context.max_model_len
    if request.spec.parallelism.tensor is not None:
        sizing = size_replica(request, request.spec.parallelism.tensor, context)
    else:
        sizing = _smallest_fitting(request, _list_sizes(entry, profile), context)
    if not sizing.fits and wanted_context is None:
        return _shorten_context(sizing)
    return sizing


def size_replica(request: PlanRequest, tensor_parallel_size: int, max_model_len: int) -> Sizing:
    """Account for one choice."""
    entry, profile, engine = request.known_entry, request.known_profile, request.spec.engine
    max_num_batched_tokens = engine.max_num_batched_tokens or profile.max_num_batched_tokens
    shape = EngineShape(
        tensor_parallel_size=tensor_parallel_size,
        # vLLM refuses a step of fewer tokens than sequences.
        max_num_seqs=engine.max_num_seqs or min(profile.max_num_seqs, max_num_batched_tokens),
        max_num_batched_tokens=max_num_batched_tokens,
        kv_element_bytes=KV_ELEMENT_BYTES[engine.kv_cache_dtype],
        gpu_memory_utilization_percent=(
            engine.gpu_memory_utilization_percent or request.config.gpu_memory_utilization_percent
        ),
    )
    memory = estimate_gpu_memory(entry, shape, profile.usable_memory_mib * MIB)
    return Sizing(shape, max_model_len, memory)


def find_nearest_fitting(request: PlanRequest, failed: Sizing) -> list[str]:
    """List settings that do work, the nearest first: more GPUs for the same context, or a shorter context."""
    suggestions = []
    larger = _smallest_fitting(request, _list_sizes(request.known_entry, request.known_profile), failed.max_model_len)
    if larger.fits and larger.shape.tensor_parallel_size != failed.shape.tensor_parallel_size:
        suggestions.append(f"parallelism.tensor: {larger.shape.tensor_parallel_size}")
    longest = failed.memory.kv_cache_tokens // CONTEXT_STEP_TOKENS * CONTEXT_STEP_TOKENS
    if longest >= CONTEXT_STEP_TOKENS:
        suggestions.append(f"engine.maxModelLen: {longest}")
    suggestions += _find_spoilers(request, failed)
    if not suggestions:
        suggestions = _find_other_accelerators(request, failed)
    return suggestions


def _find_spoilers(request: PlanRequest, failed: Sizing) -> list[str]:
    """Name the settings of the user's without which the same parallelism and context would fit."""
    engine, suggestions = request.spec.engine, []
    for field, path in _SPOILERS.items():
        if getattr(engine, field) is None:
            continue
        relaxed = request.spec.model_copy(update={"engine": engine.model_copy(update={field: None})})
        sizing = size_replica(replace(request, spec=relaxed), failed.shape.tensor_parallel_size, failed.max_model_len)
        if sizing.fits and sizing.shape.max_num_seqs <= sizing.shape.max_num_batched_tokens:
            suggestions.append(f"{path}: {getattr(sizing.shape, field)}")
    return suggestions


def _find_other_accelerators(request: PlanRequest, failed: Sizing) -> list[str]:
    """Look at the configuration's other profiles, in their order, for one that holds the same context."""
    for name, profile in request.config.accelerators.items():
        elsewhere = replace(request, accelerator=name, profile=profile)
        sizes = _list_sizes(request.known_entry, profile)
        sizing = _smallest_fitting(elsewhere, sizes, failed.max_model_len) if sizes else failed
        if sizing.fits:
            return [f"accelerator: {name} with parallelism.tensor: {sizing.shape.tensor_parallel_size}"]
    return []


def _list_sizes(entry: CatalogEntry, profile: AcceleratorProfile) -> list[int]:
    return list_legal_tensor_parallel_sizes(entry.geometry, profile.gpus_per_node)


def _smallest_fitting(request: PlanRequest, sizes: list[int], max_model_len: int) -> Sizing:
    sizings = [size_replica(request, size, max_model_len) for size in sizes]
    return next((sizing for sizing in sizings if sizing.fits), sizings[-1])


def _shorten_context(sizing: Sizing) -> Sizing:
    longest = sizing.memory.kv_cache_tokens // CONTEXT_STEP_TOKENS * CONTEXT_STEP_TOKENS
    return replace(sizing, max_model_len=max(longest, SHORTEST_AUTOMATIC_CONTEXT_TOKENS))
