"""How the weights of a linear layer are stored: bits, scales, groups."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Storage:
    """One number format of weights, with what it stores beside them."""

    name: str
    weight_bits: int
    channel_scale_bytes: int = 0
    """Bytes of the scale of one output channel."""
    group_size: int | None = None
    """Inputs that share a scale; None without groups."""
    group_scale_bits: int = 0
    """Bits that one group of one output channel stores: its scale, and its zero point if it has one."""
    block: tuple[int, int] | None = None
    """Outputs and inputs of a block that shares a scale."""
    tensor_bytes: int = 0
    """Bytes of what is stored once for a matrix: its scale and that of its input."""
    input_multiple: int = 1
    """Inputs are padded to a multiple of this in the GPU's memory."""

    def count_bytes(self, outputs: int, inputs: int) -> int:
        """Count the bytes of one matrix with its scales, as it lies on a GPU."""
        inputs = -(-inputs // self.input_multiple) * self.input_multiple
        weights = -(-outputs * inputs * self.weight_bits // 8)
        groups = -(-inputs // self.group_size) if self.group_size else 0
        blocks = -(-outputs // self.block[0]) * -(-inputs // self.block[1]) if self.block else 0
        return (
            weights
            + outputs * self.channel_scale_bytes
            + outputs * groups * self.group_scale_bits // 8
            + blocks * _BLOCK_SCALE_BYTES
            + self.tensor_bytes
        )


_BLOCK_SCALE_BYTES = 4
"""The scale of a block is a float32 (vllm/model_executor/layers/quantization/utils/fp8_utils.py)."""

_TWO_SCALES = 8
"""A float32 for the weights and one for the activations."""

BF16 = Storage("BF16", 16)
FP8_CHANNEL = Storage("FP8", 8, channel_scale_bytes=4)
FP8_TENSOR = Storage("FP8", 8, tensor_bytes=_TWO_SCALES)
INT8_CHANNEL = Storage("INT8", 8, channel_scale_bytes=4)
NVFP4 = Storage("NVFP4", 4, group_size=16, group_scale_bits=8, tensor_bytes=_TWO_SCALES)
MXFP4 = Storage("MXFP4", 4, group_size=32, group_scale_bits=8)
MXFP4_EXPERTS = Storage("MXFP4", 4, group_size=32, group_scale_bits=8, input_multiple=256)
"""As vLLM's kernels of H100 keep experts: contraction dimensions padded (vllm/.../fused_moe/oracle/mxfp4.py)."""


def make_fp8_block(outputs: int, inputs: int) -> Storage:
    """Make FP8 with one scale for a block of outputs and inputs."""
    return Storage("FP8", 8, block=(outputs, inputs))


def make_integer(bits: int, group_size: int | None, *, has_zero_points: bool) -> Storage:
    """Make integers of few bits with a 2-byte scale for each group, as GPTQ and AWQ store them."""
    if group_size is None:
        return Storage(f"INT{bits}", bits, channel_scale_bytes=2)
    return Storage(f"INT{bits}", bits, group_size=group_size, group_scale_bits=16 + (bits if has_zero_points else 0))
