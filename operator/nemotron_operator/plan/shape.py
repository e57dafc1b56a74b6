"""From what is asked for to the settings that decide about memory."""

from dataclasses import replace
from functools import cache
from types import MappingProxyType

from nemotron_operator.plan.memory.account import EngineShape
from nemotron_operator.plan.memory.engine_memory import EngineMemory, find_engine_memory
from nemotron_operator.plan.memory.estimate import exactly
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.memory.working_memory import Batch
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.units import MIB

_UNQUANTIZED_KV_BYTES = 2

_NO_GRAPHS = MappingProxyType({1: exactly(0)})


def make_shape(request: PlanRequest, parallelism: Parallelism, max_num_seqs: int | None = None) -> EngineShape:
    """Fill in what the resource leaves open, as vLLM or the configuration does."""
    engine, profile = request.spec.engine, request.known_profile
    max_num_batched_tokens = engine.max_num_batched_tokens or profile.max_num_batched_tokens
    # vLLM refuses a step of fewer tokens than sequences.
    max_num_seqs = engine.max_num_seqs or max_num_seqs or min(profile.max_num_seqs, max_num_batched_tokens)
    return EngineShape(
        parallelism=parallelism,
        batch=Batch(max_num_seqs, max_num_batched_tokens),
        kv_element_bytes=_choose_kv_element_bytes(request),
        gpu_memory_utilization_percent=(
            engine.gpu_memory_utilization_percent or request.config.gpu_memory_utilization_percent
        ),
        engine=_choose_engine_memory(request),
        told_kv_cache_bytes=None if profile.kv_cache_mib is None else profile.kv_cache_mib * MIB,
    )


def is_eager(request: PlanRequest) -> bool:
    """Tell whether the engine captures no CUDA graphs."""
    return "--enforce-eager" in request.extra_args


def _choose_kv_element_bytes(request: PlanRequest) -> int:
    """Follow the resource; `auto` is what the checkpoint asks for, else the model's own BF16."""
    wanted = request.spec.engine.kv_cache_dtype
    chosen = request.architecture.kv_cache_dtype if wanted == "auto" else wanted
    return 1 if chosen == "fp8" else _UNQUANTIZED_KV_BYTES


def _choose_engine_memory(request: PlanRequest) -> EngineMemory:
    line = find_engine_memory(request.engine_version)
    has_prefix_caching = "--no-enable-prefix-caching" not in request.extra_args
    return adjust_engine_memory(line, is_eager=is_eager(request), has_prefix_caching=has_prefix_caching)


@cache
def adjust_engine_memory(line: EngineMemory, *, is_eager: bool, has_prefix_caching: bool) -> EngineMemory:
    """Take off what the arguments turn off; always the same object for them, as accounts are remembered by it."""
    if not is_eager and has_prefix_caching:
        return line
    return replace(
        line,
        graphs=_NO_GRAPHS if is_eager else line.graphs,
        # Without prefix caching, a sequence keeps nothing but its current state.
        state_blocks_per_sequence=line.state_blocks_per_sequence if has_prefix_caching else 1,
    )
