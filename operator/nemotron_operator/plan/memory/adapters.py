"""What the engine keeps for LoRA adapters before there is any: room for as many, of as large a rank, as it was told."""

from dataclasses import dataclass

from nemotron_operator.architecture.model import Architecture, Block, Linear
from nemotron_operator.plan.memory.parallelism import Parallelism, count_blocks, list_stages
from nemotron_operator.plan.memory.weights import count_sides

_ELEMENT_BYTES = 2
"""Adapters have the model's own format, BF16 (`lora_dtype` in vllm/config/lora.py)."""


@dataclass(frozen=True, slots=True)
class AdapterRoom:
    """Room for adapters on each GPU."""

    max_rank: int
    max_loaded: int


def count_adapter_bytes(architecture: Architecture, parallelism: Parallelism, rank: int, room: AdapterRoom) -> int:
    """Count it on one GPU of a pipeline stage.

    Notes
    -----
    Every linear layer gets two matrices for each adapter, one as wide as its inputs on that GPU and one as its outputs
    (`create_lora_weights` in vllm/lora/layers); each expert of a mixture has its own. Embedding and head get them for
    the whole vocabulary, on every GPU; the few classes that leave these out take less than is counted.
    """
    stage = list_stages(architecture, parallelism.pipeline)[rank]
    sides = sum(count * _count_block_sides(block, parallelism.tensor) for block, count in count_blocks(stage.blocks))
    ends_with = stage.is_last or architecture.repeats_ends
    begins_with = stage.is_first or architecture.repeats_ends or (architecture.is_tied and ends_with)
    ends = begins_with + ends_with
    sides += ends * (architecture.vocab_size + architecture.hidden_size)
    return room.max_loaded * room.max_rank * sides * _ELEMENT_BYTES


def _count_block_sides(block: Block, tensor_parallel_size: int) -> int:
    """Count the layers of a block; the convolution of a Mamba layer stands for three."""
    linears = sum(_count_linear_sides(linear, tensor_parallel_size) for linear in block.linears)
    state = block.state
    if state is None:
        return linears
    channels = state.width + 2 * max(state.groups, tensor_parallel_size) * state.state_size
    return linears + 3 * state.conv_kernel + -(-channels // tensor_parallel_size)


def _count_linear_sides(linear: Linear, tensor_parallel_size: int) -> int:
    return linear.copies * sum(count_sides(linear, tensor_parallel_size))
