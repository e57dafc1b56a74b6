"""Weights: bytes on one GPU, exactly, and the number of parameters."""

import math
from functools import lru_cache

from nemotron_operator.architecture.model import Architecture, Block, Linear, Parameters, Split
from nemotron_operator.plan.memory.parallelism import Parallelism, Stage, count_blocks, list_stages

VOCABULARY_PADDING = 64
"""vLLM pads the vocabulary to a multiple of this (DEFAULT_VOCAB_PADDING_SIZE)."""

_BIAS_BYTES = 2
"""Biases are not quantised."""


@lru_cache(maxsize=2048)
def count_stage_weights_bytes(architecture: Architecture, parallelism: Parallelism, rank: int) -> int:
    """Count the weights on one GPU of a pipeline stage."""
    stage = list_stages(architecture, parallelism.pipeline)[rank]
    blocks = count_blocks(stage.blocks)
    decoder = sum(count * count_block_bytes(block, parallelism.tensor) for block, count in blocks)
    extras = architecture.extra_parameters if stage.is_first else ()
    return (
        decoder
        + _count_ends_bytes(architecture, stage, parallelism.tensor)
        + sum(_count_parameters_bytes(parameters, parallelism.tensor) for parameters in extras)
    )


def count_weights_bytes(architecture: Architecture, parallelism: Parallelism) -> int:
    """Count the weights on the GPU that has most of them."""
    return max(count_stage_weights_bytes(architecture, parallelism, rank) for rank in range(parallelism.pipeline))


def count_repository_bytes(architecture: Architecture) -> int:
    """Count the weights of the whole repository: what one GPU would hold alone, and the multi-token prediction."""
    drafts = sum(count_block_bytes(block, 1) for block in architecture.draft_blocks)
    return count_weights_bytes(architecture, Parallelism()) + drafts


@lru_cache(maxsize=512)
def count_parameters(architecture: Architecture) -> int:
    """Count the parameters of the repository, without scales and padding."""
    vocabulary = architecture.vocab_size * architecture.hidden_size * (1 if architecture.is_tied else 2)
    blocks = architecture.blocks + architecture.draft_blocks
    small = [architecture.last_norm, *architecture.extra_parameters]
    small += [parameters for block in blocks for parameters in block.parameters]
    linears = [linear for block in blocks for linear in block.linears]
    return (
        vocabulary
        + sum(parameters.count for parameters in small)
        + sum(
            linear.copies * (linear.inputs * linear.outputs + (linear.outputs if linear.bias else 0))
            for linear in linears
        )
    )


def count_block_bytes(block: Block, tensor_parallel_size: int) -> int:
    """Count the weights of one block on one GPU."""
    return sum(_count_linear_bytes(linear, tensor_parallel_size) for linear in block.linears) + sum(
        _count_parameters_bytes(parameters, tensor_parallel_size) for parameters in block.parameters
    )


def _count_linear_bytes(linear: Linear, tensor_parallel_size: int) -> int:
    """Count one linear layer on one GPU.

    Column-parallel layers divide their outputs with scales and bias; row-parallel layers divide their inputs, so every
    GPU holds all their scales and the bias (vllm/model_executor/layers/linear.py).
    """
    outputs, inputs = count_sides(linear, tensor_parallel_size)
    bias_bytes = outputs * _BIAS_BYTES if linear.bias else 0
    return linear.copies * (linear.storage.count_bytes(outputs, inputs) + bias_bytes)


def count_sides(linear: Linear, tensor_parallel_size: int) -> tuple[int, int]:
    """Count the outputs and the inputs of a linear layer on one GPU."""
    match linear.split:
        case Split.COLUMNS:
            return _divide_outputs(linear, tensor_parallel_size), linear.inputs
        case Split.ROWS:
            return linear.outputs, -(-linear.inputs // tensor_parallel_size)
        case Split.REPLICATED:
            return linear.outputs, linear.inputs


def _divide_outputs(linear: Linear, tensor_parallel_size: int) -> int:
    return _divide(linear.outputs, linear.units, tensor_parallel_size)


def _divide(count: int, units: int | None, tensor_parallel_size: int) -> int:
    """Divide what a group shares; units that are fewer than its GPUs are repeated."""
    if units is None:
        return -(-count // tensor_parallel_size)
    return count // units * max(1, units // tensor_parallel_size)


def _count_parameters_bytes(parameters: Parameters, tensor_parallel_size: int) -> int:
    count = parameters.count
    if parameters.is_split:
        count = _divide(count, parameters.units, tensor_parallel_size)
    return count * parameters.element_bytes


def _count_ends_bytes(architecture: Architecture, stage: Stage, tensor_parallel_size: int) -> int:
    """Count embedding, last norm and head; a tied head is the embedding, where both are on one stage."""
    padded = math.ceil(architecture.vocab_size / VOCABULARY_PADDING) * VOCABULARY_PADDING
    rows = math.ceil(padded / tensor_parallel_size)
    begins, ends = stage.is_first or architecture.repeats_ends, stage.is_last or architecture.repeats_ends
    embedding = architecture.embedding_storage.count_bytes(rows, architecture.hidden_size)
    head = architecture.head_storage.count_bytes(rows, architecture.hidden_size)
    norm = _count_parameters_bytes(architecture.last_norm, tensor_parallel_size)
    has_own_head = ends and not (architecture.is_tied and begins)
    return embedding * begins + head * has_own_head + norm * ends
