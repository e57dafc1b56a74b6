"""Sizing: which parallelism and which context fit the GPUs."""

from dataclasses import dataclass, replace

from nemotron_operator.plan.memory.account import EngineShape, GpuMemory, estimate_gpu_memory
from nemotron_operator.plan.memory.parallelism import Parallelism, list_legal_tensor_parallel_sizes
from nemotron_operator.plan.node_count import count_largest_tensor
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.shape import make_shape
from nemotron_operator.units import MIB

SHORTEST_AUTOMATIC_CONTEXT_TOKENS = 4096
"""A context that nobody asked for is not made shorter than this; the model card itself serves 4096 tokens."""

CONTEXT_STEP_TOKENS = 1024
"""A context that the plan chooses is a multiple of this, or the model's own."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """One choice of parallelism and context, with its memory account."""

    shape: EngineShape
    max_model_len: int
    memory: GpuMemory
    needs_state_blocks: bool = False
    """Whether every sequence of a batch needs a block for its Mamba state."""

    @property
    def fits(self) -> bool:
        """Whether one sequence of full length fits beside the weights, and the states of a whole batch."""
        return self.fits_in(self.memory.kv_cache_bytes)

    @property
    def holds_states(self) -> bool:
        """Whether there are as many blocks as sequences in a batch.

        vLLM refuses to start otherwise, as it captures CUDA graphs of a full batch (vllm/config/compilation.py).
        """
        return self.has_state_blocks(is_worst=False)

    @property
    def is_certain(self) -> bool:
        """Whether it fits also where every estimate is at its worst."""
        return self.fits_in(self.memory.kv_cache_bytes_range[0])

    @property
    def is_possible(self) -> bool:
        """Whether it fits where every estimate is at its best."""
        return self.fits_in(self.memory.kv_cache_bytes_range[1])

    def fits_in(self, kv_cache_bytes: int) -> bool:
        """Tell whether one sequence of full length and the states of a whole batch fit a KV cache of a size."""
        layout = self.memory.layout
        return layout.count_concurrent(kv_cache_bytes, self.max_model_len) > 0 and (
            not self.needs_state_blocks or layout.count_blocks(kv_cache_bytes) >= self.shape.batch.max_num_seqs
        )

    def has_state_blocks(self, *, is_worst: bool) -> bool:
        """Tell whether there are as many blocks as sequences; with `is_worst`, also where the estimates are."""
        blocks = self.memory.count_blocks(is_worst=is_worst)
        return not self.needs_state_blocks or blocks >= self.shape.batch.max_num_seqs

    @property
    def missing_at_worst_bytes(self) -> int:
        """Count the bytes missing on a GPU where every estimate is at its worst; 0 when it is certain to fit."""
        layout, (least_bytes, _) = self.memory.layout, self.memory.kv_cache_bytes_range
        blocks = layout.count_needed_blocks(self.max_model_len)
        if self.needs_state_blocks:
            blocks = max(blocks, self.shape.batch.max_num_seqs)
        told_bytes = self.memory.told_kv_cache_bytes
        if told_bytes is not None:  # what is missing for it as a whole, or of it for a sequence
            return max(0, -least_bytes, blocks * layout.block_bytes - told_bytes)
        return max(0, blocks * layout.block_bytes - least_bytes)

    @property
    def gpus(self) -> int:
        """Count the GPUs of one replica."""
        return self.shape.parallelism.gpus


def choose_sizing(request: PlanRequest) -> Sizing:
    """Choose parallelism and context: what the user set stands, the rest is the smallest that fits.

    Notes
    -----
    When nothing fits, the choice that comes closest is returned, and its `fits` is False.
    """
    limit, wanted = request.known_entry.context.max_model_len, request.spec.engine.max_model_len
    if isinstance(wanted, int):
        return _choose_parallelism(request, wanted)
    if wanted == "auto":
        shortest = min(limit, SHORTEST_AUTOMATIC_CONTEXT_TOKENS)
        return lengthen(request, _choose_parallelism(request, shortest, is_worst=True))
    sizing = _choose_parallelism(request, limit)
    return sizing if sizing.fits else lengthen(request, sizing)


def size_replica(request: PlanRequest, parallelism: Parallelism, max_model_len: int) -> Sizing:
    """Account for one choice; a batch that nobody asked for is made as small as the blocks for Mamba states need."""
    sizing = _account(request, make_shape(request, parallelism), max_model_len)
    if request.spec.engine.max_num_seqs is not None or sizing.has_state_blocks(is_worst=True):
        return sizing
    smallest = _account(request, make_shape(request, parallelism, 1), max_model_len)
    # What nobody asked for should start also where the estimates are at their worst, if that can be had.
    is_worst = smallest.has_state_blocks(is_worst=True)
    if not smallest.has_state_blocks(is_worst=is_worst):
        return smallest
    while not sizing.has_state_blocks(is_worst=is_worst):
        fewer = make_shape(request, parallelism, sizing.shape.batch.max_num_seqs // 2)
        sizing = _account(request, fewer, max_model_len)
    return sizing


def list_parallelisms(request: PlanRequest) -> list[Parallelism]:
    """List what the nodes allow with the pipeline that is asked for, the fewest GPUs first."""
    pipeline = request.spec.parallelism.pipeline or 1
    largest = count_largest_tensor(request.spec.parallelism, request.known_profile.gpus_per_node)
    return [Parallelism(tensor, pipeline) for tensor in list_legal_tensor_parallel_sizes(request.architecture, largest)]


def find_smallest(
    request: PlanRequest, parallelisms: list[Parallelism], max_model_len: int, *, is_worst: bool = False
) -> Sizing | None:
    """Find the fewest GPUs that hold a context; None when none does."""
    sizings = (size_replica(request, parallelism, max_model_len) for parallelism in parallelisms)
    return next((sizing for sizing in sizings if (sizing.is_certain if is_worst else sizing.fits)), None)


def find_longest_context(request: PlanRequest, sizing: Sizing, *, is_worst: bool = False) -> int:
    """Find the longest context that this parallelism holds, in whole steps unless it is the model's own."""
    limit = request.known_entry.context.max_model_len
    longest = sizing.memory.find_longest(limit, is_worst=is_worst)
    return longest if longest == limit else longest // CONTEXT_STEP_TOKENS * CONTEXT_STEP_TOKENS


def lengthen(request: PlanRequest, sizing: Sizing) -> Sizing:
    """Take the longest context that this parallelism holds, but none that is shorter than anybody would want.

    A context that nobody asked for should start also where the estimates are at their worst, if that is long enough.
    """
    shortest = min(SHORTEST_AUTOMATIC_CONTEXT_TOKENS, request.known_entry.context.max_model_len)
    certain = find_longest_context(request, sizing, is_worst=True)
    return replace(sizing, max_model_len=max(certain, shortest))


def _choose_parallelism(request: PlanRequest, max_model_len: int, *, is_worst: bool = False) -> Sizing:
    """Take what is asked for, else the fewest GPUs that hold the context, else the most that there are."""
    tensor = request.spec.parallelism.tensor
    if tensor is not None:
        return size_replica(request, Parallelism(tensor, request.spec.parallelism.pipeline or 1), max_model_len)
    candidates = list_parallelisms(request)
    certain = find_smallest(request, candidates, max_model_len, is_worst=True) if is_worst else None
    return (
        certain
        or find_smallest(request, candidates, max_model_len)
        or size_replica(request, candidates[-1], max_model_len)
    )


def _account(request: PlanRequest, shape: EngineShape, max_model_len: int) -> Sizing:
    memory = estimate_gpu_memory(request.architecture, shape, request.known_profile.usable_memory_mib * MIB)
    needs_state_blocks = bool(request.architecture.find_states()) and not request.memory_arguments.is_eager
    return Sizing(shape, max_model_len, memory, needs_state_blocks)
