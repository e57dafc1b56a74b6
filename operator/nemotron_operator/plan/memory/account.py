"""The memory of one GPU: weights, working memory, and what is left for the KV cache.

The account follows vLLM: `requested = ceil(total x utilization)` (vllm/v1/worker/utils.py), and the KV cache gets what
weights, activations, communication buffers and CUDA graphs leave of it (vllm/v1/worker/gpu_worker.py). With several
pipeline stages it is that of the stage that holds the fewest tokens.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from nemotron_operator.architecture.model import Architecture
from nemotron_operator.plan.memory.adapters import AdapterRoom
from nemotron_operator.plan.memory.engine_memory import EngineMemory
from nemotron_operator.plan.memory.expert_padding import count_expert_padding_bytes, count_marlin_padding_bytes
from nemotron_operator.plan.memory.kv_cache import (
    BLOCK_TOKENS,
    KvCacheLayout,
    count_kv_bytes_per_token,
    count_state_bytes_per_sequence,
    lay_out,
)
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.memory.weights import count_stage_weights_bytes
from nemotron_operator.plan.memory.working_memory import Batch, WorkingMemory, estimate_working_memory


@dataclass(frozen=True, slots=True)
class EngineShape:
    """The settings that decide how much memory one engine needs."""

    parallelism: Parallelism
    batch: Batch
    kv_element_bytes: int
    gpu_memory_utilization_percent: int
    engine: EngineMemory
    block_tokens: int = BLOCK_TOKENS
    """Tokens of one KV cache block, before it is enlarged for Mamba states."""
    told_kv_cache_bytes: int | None = None
    """Size of the KV cache, where the engine is told it; None where it gets what is left."""
    adapters: AdapterRoom | None = None
    """Room for LoRA adapters; None where the engine holds none."""


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """How the memory of one GPU is spent."""

    total_bytes: int
    """What CUDA reports."""
    requested_bytes: int
    """What the engine may take of it."""
    weights_bytes: int
    """The weights with their scales, as its kernels want them."""
    working: WorkingMemory
    kv_bytes_per_token: int
    """Keys and values of one token over all GPUs of the replica, each KV head once."""
    state_bytes_per_sequence: int
    """What Mamba layers keep of one sequence over all GPUs of the replica; 0 without them."""
    layout: KvCacheLayout
    other_kernels_bytes: int = 0
    """What the weights may take more with other kernels of the same engine."""
    told_kv_cache_bytes: int | None = None
    """Size of the KV cache, where the engine is told it."""

    @property
    def working_bytes(self) -> int:
        """Sum what is neither weights nor KV cache, as expected."""
        return self.working.total.expected_bytes

    @property
    def kv_cache_bytes(self) -> int:
        """Tell how large the KV cache is; negative by what is missing where it does not fit beside the rest."""
        return self._cut_kv_cache(self.requested_bytes - self.weights_bytes - self.working_bytes)

    @property
    def kv_cache_bytes_range(self) -> tuple[int, int]:
        """Tell the least and the most that it may be.

        The estimates take nothing of a size that the engine is told: where that fits as expected, it counts as a whole.
        """
        left = self.requested_bytes - self.weights_bytes
        working = self.working.total
        most = self._cut_kv_cache(left - working.low_bytes)
        if self.told_kv_cache_bytes is not None:
            return self.kv_cache_bytes, most
        return left - self.other_kernels_bytes - working.high_bytes, most

    def _cut_kv_cache(self, left_bytes: int) -> int:
        """Take what is left, or the size that the engine is told: it allocates that as a whole, or fails."""
        told = self.told_kv_cache_bytes
        if told is None:
            return left_bytes
        return told if told <= left_bytes else left_bytes - told

    def count_tokens(self, max_model_len: int) -> int:
        """Count the tokens that fit, as vLLM reports them for that context."""
        return self.layout.count_tokens(self.kv_cache_bytes, max_model_len)

    def count_concurrent(self, max_model_len: int) -> int:
        """Count the sequences of full length that fit at the same time."""
        return self.layout.count_concurrent(self.kv_cache_bytes, max_model_len)

    def count_sequence_bytes(self, tokens: int) -> int:
        """Count the KV cache that one sequence takes on this GPU, in whole blocks."""
        return self.layout.count_blocks_per_sequence(tokens) * self.layout.block_bytes

    def holds(self, tokens: int, *, is_worst: bool = False) -> bool:
        """Tell whether one sequence of a length fits; with `is_worst`, also where the estimates are at their worst."""
        available_bytes = self._count_available_bytes(is_worst=is_worst)
        return available_bytes > 0 and self.layout.count_concurrent(available_bytes, tokens) > 0

    def count_blocks(self, *, is_worst: bool = False) -> int:
        """Count the blocks of the KV cache; with `is_worst`, where the estimates are at their worst."""
        return self.layout.count_blocks(self._count_available_bytes(is_worst=is_worst))

    def _count_available_bytes(self, *, is_worst: bool) -> int:
        return self.kv_cache_bytes_range[0] if is_worst else self.kv_cache_bytes

    def find_longest(self, limit: int, *, is_worst: bool = False) -> int:
        """Find the longest sequence that fits, in tokens; 0 when none does."""
        return self.layout.find_longest(self._count_available_bytes(is_worst=is_worst), limit)


@lru_cache(maxsize=4096)
def estimate_gpu_memory(architecture: Architecture, shape: EngineShape, usable_memory_bytes: int) -> GpuMemory:
    """Account for the GPU of a replica that holds the fewest tokens."""
    ranks = range(shape.parallelism.pipeline)
    accounts = [_account_for_stage(architecture, shape, usable_memory_bytes, rank) for rank in ranks]
    return min(accounts, key=_rank_room)


def _rank_room(memory: GpuMemory) -> tuple[int, int]:
    """Order by blocks, as vLLM takes what every stage has; where none is left, by what is missing."""
    return memory.layout.count_blocks(memory.kv_cache_bytes), memory.kv_cache_bytes


def _account_for_stage(
    architecture: Architecture, shape: EngineShape, usable_memory_bytes: int, rank: int
) -> GpuMemory:
    parallelism, batch, engine = shape.parallelism, shape.batch, shape.engine
    return GpuMemory(
        total_bytes=usable_memory_bytes,
        requested_bytes=math.ceil(usable_memory_bytes * shape.gpu_memory_utilization_percent / 100),
        weights_bytes=(
            count_stage_weights_bytes(architecture, parallelism, rank)
            + count_expert_padding_bytes(architecture, parallelism, rank, engine.expert_multiple)
        ),
        working=estimate_working_memory(architecture, parallelism, rank, batch, engine, shape.adapters),
        kv_bytes_per_token=count_kv_bytes_per_token(architecture, shape.kv_element_bytes),
        state_bytes_per_sequence=count_state_bytes_per_sequence(architecture),
        layout=lay_out(
            architecture,
            parallelism,
            rank,
            shape.kv_element_bytes,
            batch.max_num_batched_tokens,
            engine,
            shape.block_tokens,
        ),
        other_kernels_bytes=count_marlin_padding_bytes(architecture, parallelism, rank),
        told_kv_cache_bytes=shape.told_kv_cache_bytes,
    )
