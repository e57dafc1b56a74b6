"""What a kernel's tiles add to the weights of experts on the GPU; the checkpoint does not have it."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from nemotron_operator.architecture.model import Architecture, Block, Experts, Linear, Split
from nemotron_operator.architecture.storage import MXFP4_EXPERTS, Storage
from nemotron_operator.plan.memory.parallelism import Parallelism, count_blocks, list_stages

_FLASHINFER = frozenset({"FP8", "NVFP4"})
"""Formats whose experts FlashInfer's kernels work on."""

_MARLIN_WIDTH, _MARLIN_HIDDEN = 128, 256
"""What Marlin widens experts to (`mxfp4_round_up_hidden_size_and_intermediate_size` in vllm/.../oracle/mxfp4.py)."""


@lru_cache(maxsize=2048)
def count_expert_padding_bytes(architecture: Architecture, parallelism: Parallelism, rank: int, multiple: int) -> int:
    """Count what is added when experts without a gate are widened to a multiple of so many channels on each GPU.

    Source: `prepare_fp8_moe_layer_for_fi` in vllm/.../quantization/utils/flashinfer_utils.py, and
    flashinfer_fp4_moe.py beside it: 128 without a gate. P103 to P109 show it, P99 to P102 not yet.
    """

    def count(block: Block, experts: Experts) -> int:
        if experts.is_gated:
            return 0
        width = experts.intermediate_size // parallelism.tensor
        padded = _round_up(width, multiple)
        return sum(
            _count_bytes(linear, linear.storage, padded) - _count_bytes(linear, linear.storage, width)
            for linear in _list_experts(block)
            if linear.storage.name in _FLASHINFER and linear.storage.block is None
        )

    return _sum_over_blocks(architecture, parallelism, rank, count)


@lru_cache(maxsize=2048)
def count_marlin_padding_bytes(architecture: Architecture, parallelism: Parallelism, rank: int) -> int:
    """Count what gpt-oss's experts take more with Marlin's kernels than with Triton's, which the account is of.

    Which of them an engine takes depends on GPU and image (P13, P32, P48 have Marlin, D7 and P22 Triton).
    """

    def count(block: Block, experts: Experts) -> int:
        width = experts.intermediate_size // parallelism.tensor
        marlin = replace(MXFP4_EXPERTS, input_multiple=1)
        hidden = _round_up(experts.hidden_size, _MARLIN_HIDDEN)
        return sum(
            _count_bytes(linear, marlin, _round_up(width, _MARLIN_WIDTH), hidden)
            - _count_bytes(linear, linear.storage, width)
            for linear in _list_experts(block)
            if linear.storage == MXFP4_EXPERTS
        )

    return max(0, _sum_over_blocks(architecture, parallelism, rank, count))


def _sum_over_blocks(
    architecture: Architecture, parallelism: Parallelism, rank: int, count: Callable[[Block, Experts], int]
) -> int:
    stage = list_stages(architecture, parallelism.pipeline)[rank]
    return sum(number * count(block, block.experts) for block, number in count_blocks(stage.blocks) if block.experts)


def _list_experts(block: Block) -> list[Linear]:
    return [linear for linear in block.linears if ".experts." in linear.name]


def _count_bytes(linear: Linear, storage: Storage, width: int, hidden: int | None = None) -> int:
    """Count one matrix of all experts with another width, and another hidden size where one is given."""
    if linear.split is Split.COLUMNS:
        return linear.copies * storage.count_bytes(width, hidden or linear.inputs)
    return linear.copies * storage.count_bytes(hidden or linear.outputs, width)


def _round_up(width: int, multiple: int) -> int:
    return -(-width // multiple) * multiple
