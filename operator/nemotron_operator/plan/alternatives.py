"""Alternatives: what would work instead of what does not, and what is the next cheaper and the next faster choice."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import (
    CONTEXT_STEP_TOKENS,
    Sizing,
    choose_sizing,
    find_longest_context,
    find_smallest,
    list_parallelisms,
    size_replica,
)

_SPOILERS = {
    "max_num_seqs": "engine.maxNumSeqs",
    "max_num_batched_tokens": "engine.maxNumBatchedTokens",
    "gpu_memory_utilization_percent": "engine.gpuMemoryUtilizationPercent",
}
"""Settings that can take the room away, by their name in `EngineSpec`, and in the resource."""

_HALF_KV_CACHE = "engine.kvCacheDtype: fp8"


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another choice, with the fields that lead to it."""

    sizing: Sizing
    settings: tuple[str, ...]
    """Fields of the resource and their values."""


def find_nearest_fitting(request: PlanRequest, failed: Sizing) -> list[str]:
    """List settings that do work, the nearest first: more GPUs for the same context, or a shorter context."""
    suggestions = []
    larger = find_smallest(request, list_parallelisms(request), failed.max_model_len)
    if larger is not None and larger.shape.parallelism != failed.shape.parallelism:
        suggestions.append(f"parallelism.tensor: {larger.shape.parallelism.tensor}")
    shorter = _shorten(request, failed)
    if shorter is not None:
        suggestions.append(f"engine.maxModelLen: {shorter.max_model_len}")
    suggestions += _find_spoilers(request, failed)
    if not suggestions:
        suggestions = _find_other_accelerators(request, failed)
    return suggestions


def find_cheaper(request: PlanRequest, sizing: Sizing) -> Alternative | None:
    """Find the next smaller number of GPUs that still works, and what has to give way for it."""
    fewer = [each for each in list_parallelisms(request) if each.gpus < sizing.gpus]
    for parallelism in reversed(fewer):
        alternative = next(_shrink(request, parallelism, sizing), None)
        if alternative is not None:
            return alternative
    return None


def find_faster(request: PlanRequest, sizing: Sizing) -> Alternative | None:
    """Find the next larger tensor parallel size: each GPU reads less for a token."""
    for parallelism in list_parallelisms(request):
        if parallelism.gpus > sizing.gpus:
            larger = _follow(request, parallelism, sizing)
            if larger.fits:
                return Alternative(larger, (f"parallelism.tensor: {parallelism.tensor}",))
    return None


def _shrink(request: PlanRequest, parallelism: Parallelism, sizing: Sizing) -> Iterator[Alternative]:
    """Try the same context, then half the KV cache for a token, then a shorter context."""
    tensor = f"parallelism.tensor: {parallelism.tensor}"
    followed = _follow(request, parallelism, sizing)
    if followed.fits and followed.max_model_len >= sizing.max_model_len:
        yield Alternative(followed, (tensor,))
    halved = _with_engine(request, kv_cache_dtype="fp8")
    smaller = size_replica(halved, parallelism, sizing.max_model_len)
    if smaller.fits:
        yield Alternative(smaller, (tensor, _HALF_KV_CACHE))
    shorter = _shorten(request, size_replica(request, parallelism, sizing.max_model_len))
    if shorter is not None:
        yield Alternative(shorter, (tensor, f"engine.maxModelLen: {shorter.max_model_len}"))


def _follow(request: PlanRequest, parallelism: Parallelism, sizing: Sizing) -> Sizing:
    """Tell what somebody gets who sets this tensor parallel size and nothing else."""
    if isinstance(request.spec.engine.max_model_len, int):
        return size_replica(request, parallelism, sizing.max_model_len)
    return choose_sizing(_with_tensor(request, parallelism.tensor))


def _shorten(request: PlanRequest, sizing: Sizing) -> Sizing | None:
    """Take the longest context that the same GPUs hold; None where it is too short, or not what is missing."""
    longest = find_longest_context(request, sizing)
    shorter = replace(sizing, max_model_len=longest)
    return shorter if longest >= CONTEXT_STEP_TOKENS and shorter.fits else None


def _find_spoilers(request: PlanRequest, failed: Sizing) -> list[str]:
    """Name the settings of the user's without which the same parallelism and context would fit."""
    suggestions = []
    for field, path in _SPOILERS.items():
        if getattr(request.spec.engine, field) is None:
            continue
        relaxed = size_replica(_with_engine(request, **{field: None}), failed.shape.parallelism, failed.max_model_len)
        batch = relaxed.shape.batch
        if relaxed.fits and batch.max_num_seqs <= batch.max_num_batched_tokens:
            suggestions.append(f"{path}: {_read_setting(relaxed, field)}")
    return suggestions


def _read_setting(sizing: Sizing, field: str) -> int:
    settings = {
        "max_num_seqs": sizing.shape.batch.max_num_seqs,
        "max_num_batched_tokens": sizing.shape.batch.max_num_batched_tokens,
        "gpu_memory_utilization_percent": sizing.shape.gpu_memory_utilization_percent,
    }
    return settings[field]


def _find_other_accelerators(request: PlanRequest, failed: Sizing) -> list[str]:
    """Look at the configuration's other profiles, in their order, for one that holds the same context."""
    for name, profile in request.config.accelerators.items():
        elsewhere = replace(request, accelerator=name, profile=profile)
        sizing = find_smallest(elsewhere, list_parallelisms(elsewhere), failed.max_model_len)
        if sizing is not None:
            return [f"accelerator: {name} with parallelism.tensor: {sizing.shape.parallelism.tensor}"]
    return []


def _with_engine(request: PlanRequest, **settings: object) -> PlanRequest:
    """Ask for the same with other settings of the engine."""
    engine = request.spec.engine.model_copy(update=settings)
    return replace(request, spec=request.spec.model_copy(update={"engine": engine}))


def without_tensor(request: PlanRequest) -> PlanRequest:
    """Ask for the same and leave the tensor parallel size to the plan."""
    return _with_tensor(request, None)


def _with_tensor(request: PlanRequest, size: int | None) -> PlanRequest:
    parallelism = request.spec.parallelism.model_copy(update={"tensor": size})
    return replace(request, spec=request.spec.model_copy(update={"parallelism": parallelism}))
