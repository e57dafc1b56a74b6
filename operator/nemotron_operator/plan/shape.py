"""From what is asked for to the settings that decide about memory."""

from nemotron_operator.plan.lora import plan_lora
from nemotron_operator.plan.memory.account import EngineShape
from nemotron_operator.plan.memory.adapters import AdapterRoom
from nemotron_operator.plan.memory.engine_memory import EngineMemory, adjust_engine_memory, find_engine_memory
from nemotron_operator.plan.memory.kv_cache import BLOCK_TOKENS
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.memory.working_memory import Batch
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.units import MIB

_UNQUANTIZED_KV_BYTES = 2


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
        block_tokens=request.memory_arguments.block_tokens or BLOCK_TOKENS,
        told_kv_cache_bytes=None if profile.kv_cache_mib is None else profile.kv_cache_mib * MIB,
        adapters=_choose_adapter_room(request),
    )


def _choose_adapter_room(request: PlanRequest) -> AdapterRoom | None:
    lora = plan_lora(request)
    return AdapterRoom(lora.max_rank, lora.max_loaded) if lora is not None else None


def _choose_kv_element_bytes(request: PlanRequest) -> int:
    """Follow the resource; `auto` is what the checkpoint asks for, else the model's own BF16."""
    wanted = request.spec.engine.kv_cache_dtype
    chosen = request.architecture.kv_cache_dtype if wanted == "auto" else wanted
    return 1 if chosen == "fp8" else _UNQUANTIZED_KV_BYTES


def _choose_engine_memory(request: PlanRequest) -> EngineMemory:
    told = request.memory_arguments
    line = find_engine_memory(request.engine_version)
    return adjust_engine_memory(line, is_eager=told.is_eager, has_prefix_caching=told.has_prefix_caching)
