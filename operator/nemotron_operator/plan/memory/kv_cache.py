"""The KV cache: bytes of a token, state of a sequence, and how many tokens vLLM's blocks hold.

vLLM puts layers into groups of equal size that share one pool of blocks (vllm/v1/core/kv_cache_planning.py). Attention
needs a block for so many tokens, a sliding window for those it can still see, Mamba a few for a sequence of any length.
"""

import math
from collections import Counter
from dataclasses import dataclass

from nemotron_operator.architecture.model import Architecture, KeyValues, State
from nemotron_operator.plan.memory.engine_memory import EngineMemory
from nemotron_operator.plan.memory.parallelism import Parallelism, list_stages

BLOCK_TOKENS = 16
"""Tokens of one KV cache block (`DEFAULT_BLOCK_SIZE` in vllm/config/cache.py) where `--block-size` says nothing."""


@dataclass(frozen=True, slots=True)
class KvCacheLayout:
    """How the KV cache of one GPU is cut into blocks."""

    block_bytes: int
    """One block of the pool, all layers of a group together; 0 when the model keeps nothing."""
    block_tokens: int
    """Tokens that one block of an attention group holds."""
    attention_groups: int
    windows: tuple[int, ...]
    """Sliding window of each group that has one, in tokens."""
    state_groups: int
    state_blocks: int
    """Blocks that one sequence takes in each Mamba group."""
    in_flight_tokens: int
    """Tokens of a step that a window keeps beside those it sees."""

    def count_blocks_per_sequence(self, tokens: int) -> int:
        """Count the blocks that one sequence of a length takes."""
        whole = self.attention_groups * math.ceil(tokens / self.block_tokens)
        in_windows = sum(self._count_window_blocks(window, tokens) for window in self.windows)
        return whole + in_windows + self.state_groups * self.state_blocks

    def count_needed_blocks(self, tokens: int) -> int:
        """Count the blocks that there must be for one sequence; vLLM holds one back (`BlockPool.null_block`)."""
        return self.count_blocks_per_sequence(tokens) + 1

    def count_blocks(self, available_bytes: int) -> int:
        """Count the blocks that fit."""
        return max(0, available_bytes) // self.block_bytes if self.block_bytes else 0

    def count_usable_blocks(self, available_bytes: int) -> int:
        """Count the blocks that sequences may take, without the one that vLLM holds back."""
        return max(0, self.count_blocks(available_bytes) - 1)

    def count_concurrent(self, available_bytes: int, tokens: int) -> int:
        """Count the sequences of a length that fit at the same time."""
        return self.count_usable_blocks(available_bytes) // max(1, self.count_blocks_per_sequence(tokens))

    def count_tokens(self, available_bytes: int, max_model_len: int) -> int:
        """Count the tokens as vLLM reports them: concurrency times length (`get_kv_cache_capacity`)."""
        per_sequence = max(1, self.count_blocks_per_sequence(max_model_len))
        return self.count_blocks(available_bytes) * max_model_len // per_sequence

    def find_longest(self, available_bytes: int, limit: int) -> int:
        """Find the longest sequence that fits, up to a limit; 0 when none does."""
        blocks, low, high = self.count_usable_blocks(available_bytes), 0, limit
        while low < high:
            middle = (low + high + 1) // 2
            if self.count_blocks_per_sequence(middle) <= blocks:
                low = middle
            else:
                high = middle - 1
        return low

    def _count_window_blocks(self, window: int, tokens: int) -> int:
        """Count as `SlidingWindowSpec` does; a window may begin inside a block."""
        return math.ceil(min(window - 1 + self.in_flight_tokens, tokens) / self.block_tokens) + 1


def count_kv_bytes_per_token(architecture: Architecture, kv_element_bytes: int) -> int:
    """Count keys and values of one token, over all layers and KV heads, each once."""
    return sum(2 * each.kv_heads * each.head_dim * kv_element_bytes for each in architecture.find_key_values())


def count_state_bytes_per_sequence(architecture: Architecture) -> int:
    """Count what the Mamba layers keep of one sequence, over all layers."""
    return sum(count_state_bytes(state, 1) for state in architecture.find_states())


def count_state_bytes(state: State, tensor_parallel_size: int) -> int:
    """Count the state of one Mamba layer (`mamba2_state_shape` in vllm/.../layers/mamba/mamba_utils.py)."""
    groups = max(state.groups, tensor_parallel_size) if state.groups % tensor_parallel_size else state.groups
    channels = (state.width + 2 * groups * state.state_size) // tensor_parallel_size
    convolution = channels * (state.conv_kernel - 1) * state.conv_element_bytes
    return convolution + state.width // tensor_parallel_size * state.state_size * state.ssm_element_bytes


def lay_out(  # noqa: PLR0913, PLR0917 - all that the layout depends on, and nothing else
    architecture: Architecture,
    parallelism: Parallelism,
    rank: int,
    kv_element_bytes: int,
    max_num_batched_tokens: int,
    engine: EngineMemory,
    least_block_tokens: int = BLOCK_TOKENS,
) -> KvCacheLayout:
    """Cut the KV cache of a pipeline stage into groups and blocks, as vLLM does.

    The groups are those of the whole model; a stage keeps its layers of each, and a block is as large as the largest
    group on it (`get_kv_cache_configs`).
    """
    layers = _list_layers(architecture, parallelism, kv_element_bytes)
    group_size = _choose_group_size(Counter(layer.kind for layer in layers), engine)
    block_tokens = _choose_block_tokens(layers, least_block_tokens)
    groups = _group(layers, group_size)
    kinds = [group[0].kind for group in groups]
    batches = parallelism.pipeline + 1 if engine.is_asynchronous else 1
    return KvCacheLayout(
        block_bytes=max((_count_block_bytes(group, layers, rank, block_tokens) for group in groups), default=0),
        block_tokens=block_tokens,
        attention_groups=kinds.count(None),
        windows=tuple(kind for kind in kinds if isinstance(kind, int)),
        state_groups=kinds.count(_STATE),
        state_blocks=engine.state_blocks_per_sequence,
        in_flight_tokens=batches * max_num_batched_tokens,
    )


_STATE = "state"


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer that keeps something of a sequence."""

    rank: int
    """Its pipeline stage."""
    kind: int | str | None
    """Its window in tokens, None for attention to everything, or that it is Mamba."""
    size_bytes: int
    """What it keeps on one GPU: of one token, or with Mamba of one sequence."""


def _list_layers(architecture: Architecture, parallelism: Parallelism, kv_element_bytes: int) -> list[_Layer]:
    """List the layers that keep something, in the order of the model."""
    layers = []
    for rank, stage in enumerate(list_stages(architecture, parallelism.pipeline)):
        for block in stage.blocks:
            if block.key_values is not None:
                size = _count_page_bytes(block.key_values, parallelism.tensor, kv_element_bytes)
                layers.append(_Layer(rank, block.key_values.window_tokens, size))
            if block.state is not None:
                layers.append(_Layer(rank, _STATE, count_state_bytes(block.state, parallelism.tensor)))
    return layers


def _choose_group_size(kinds: Counter[int | str | None], engine: EngineMemory) -> int:
    """Choose how many layers a group has: as many as the rarest kind, or the most frequent if that is close."""
    if not kinds:
        return 1
    smallest, largest = min(kinds.values()), max(kinds.values())
    return largest if largest < smallest * engine.group_padding else smallest


def _choose_block_tokens(layers: list[_Layer], least: int) -> int:
    """Choose the tokens of a block, enlarged in whole steps until a block of attention holds a Mamba layer's state.

    Source: `_align_hybrid_block_size` in vllm/platforms/interface.py.
    """
    pages = [layer.size_bytes for layer in layers if layer.kind != _STATE]
    states = [layer.size_bytes for layer in layers if layer.kind == _STATE]
    if not pages or not states:
        return least
    return least * math.ceil(max(states) / (least * max(pages)))


def _group(layers: list[_Layer], group_size: int) -> list[list[_Layer]]:
    """Deal the layers of each kind out to groups, so that every stage has its share of each."""
    kinds = list(dict.fromkeys(layer.kind for layer in layers))
    dealt = []
    for kind in kinds:
        alike = [layer for layer in layers if layer.kind == kind]
        groups = math.ceil(len(alike) / group_size)
        dealt += [alike[place::groups] for place in range(groups)]
    return dealt


def _count_block_bytes(group: list[_Layer], layers: list[_Layer], rank: int, block_tokens: int) -> int:
    """Count one block of a group on a stage; where kinds differ, all layers' pages are as large as the largest."""
    sizes = [
        layer.size_bytes if layer.kind == _STATE else layer.size_bytes * block_tokens
        for layer in group
        if layer.rank == rank
    ]
    if len({layer.kind for layer in layers}) == 1:
        return sum(sizes)
    return len(sizes) * block_tokens * max(layer.size_bytes for layer in layers if layer.kind != _STATE)


def _count_page_bytes(key_values: KeyValues, tensor_parallel_size: int, kv_element_bytes: int) -> int:
    """Count keys and values of one token in one layer on one GPU."""
    kv_heads = max(1, key_values.kv_heads // tensor_parallel_size)
    return 2 * kv_heads * key_values.head_dim * kv_element_bytes
