"""Parallelism: how a model is cut into pipeline stages, and into how many tensor-parallel shares it may be cut."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nemotron_operator.architecture.model import Architecture, Block, Split


@dataclass(frozen=True, slots=True)
class Parallelism:
    """How one replica is spread over GPUs."""

    tensor: int = 1
    pipeline: int = 1

    @property
    def gpus(self) -> int:
        """Count the GPUs of one replica."""
        return self.tensor * self.pipeline


@dataclass(frozen=True, slots=True)
class Stage:
    """The part of a model that one pipeline rank holds."""

    blocks: tuple[Block, ...]
    is_first: bool
    is_last: bool


def count_blocks(blocks: Sequence[Block]) -> list[tuple[Block, int]]:
    """Count the blocks of each kind. Equal ones are one object, and comparing hundreds by value would take longer."""
    kinds = {id(block): block for block in blocks}
    counts = Counter(id(block) for block in blocks)
    return [(block, counts[key]) for key, block in kinds.items()]


@lru_cache(maxsize=512)
def list_stages(architecture: Architecture, pipeline_parallel_size: int) -> tuple[Stage, ...]:
    """Divide the blocks as vLLM does: evenly, what is left over to the stages before the last, from behind.

    Source: `get_pp_indices` in vllm/distributed/utils.py.
    """
    blocks, size = architecture.blocks, pipeline_parallel_size
    lengths = [len(blocks) // size] * size
    for place in range(2, len(blocks) % size + 2):
        lengths[-place] += 1
    starts = [sum(lengths[:rank]) for rank in range(size)]
    return tuple(
        Stage(blocks[start : start + length], is_first=rank == 0, is_last=rank == size - 1)
        for rank, (start, length) in enumerate(zip(starts, lengths, strict=True))
    )


def list_legal_tensor_parallel_sizes(architecture: Architecture, largest: int) -> list[int]:
    """List the sizes that vLLM accepts for this model, smallest first."""
    return [size for size in range(1, largest + 1) if explain_illegal_size(architecture, size) is None]


@lru_cache(maxsize=512)
def explain_illegal_size(architecture: Architecture, size: int) -> str | None:
    """Say why vLLM would refuse a tensor parallel size; None when it would not.

    Query heads, feed-forward and expert widths and Mamba heads must divide (vllm/config/model.py,
    vllm/distributed/utils.py); KV heads are divided, or repeated once the group is larger than their number
    (QKVParallelLinear in vllm/.../layers/linear.py); Mamba groups likewise, if there is but one.
    """
    for block, _ in count_blocks(architecture.blocks):
        refusals = (*_refuse_attention(block, size), *_refuse_widths(block, size), *_refuse_state(block, size))
        if refusals:
            return refusals[0]
    return None


def explain_illegal_pipeline(architecture: Architecture, size: int) -> str | None:
    """Say why a model cannot be cut into so many stages; None when it can."""
    layers = len(architecture.blocks)
    if size > layers:
        return f"is more than the model's {layers} layers"
    lacking = next((rank for rank in range(size) if _lacks_experts(architecture, size, rank)), None)
    if lacking is not None:
        return f"leaves stage {lacking + 1} without experts, which vLLM does not make for this architecture"
    return None


def _lacks_experts(architecture: Architecture, size: int, rank: int) -> bool:
    """Tell whether a stage has no experts, in a model that has; only Nemotron-H alternates so (nemotron_h.py)."""
    if not any(block.experts for block in architecture.blocks) or architecture.name != "NemotronHForCausalLM":
        return False
    return not any(block.experts for block in list_stages(architecture, size)[rank].blocks)


def _refuse_attention(block: Block, size: int) -> Iterable[str]:
    attention = block.key_values
    if attention is None:
        return
    if attention.heads % size:
        yield f"does not divide the model's {attention.heads} attention heads"
    if attention.kv_heads % size and size % attention.kv_heads:
        yield f"neither divides the model's {attention.kv_heads} KV heads nor is a multiple of them"
    if size > attention.kv_heads and not attention.is_repeatable:
        yield f"is more than the model's {attention.kv_heads} KV heads, which vLLM's class for it does not repeat"


def _refuse_widths(block: Block, size: int) -> Iterable[str]:
    if block.intermediate_size % size:
        yield f"does not divide the model's feed-forward width of {block.intermediate_size}"
    if block.experts is not None and block.experts.intermediate_size % size:
        yield f"does not divide the experts' feed-forward width of {block.experts.intermediate_size}"
    for linear in block.linears:
        cut = linear.storage.block
        if cut is None or linear.split is Split.REPLICATED or linear.units is not None:
            continue
        width, unit = (linear.outputs, cut[0]) if linear.split is Split.COLUMNS else (linear.inputs, cut[1])
        if size > 1 and width // size % unit:
            yield f"cuts {linear.name} into {width // size} channels, and its FP8 scales stand for {unit} at a time"


def _refuse_state(block: Block, size: int) -> Iterable[str]:
    state = block.state
    if state is None:
        return
    if state.heads % size:
        yield f"does not divide the model's {state.heads} Mamba heads"
    if state.groups % size and state.groups != 1:
        yield f"does not divide the model's {state.groups} Mamba groups"
