"""The shape of a model as far as memory is concerned: what each layer stores, and what it keeps of a sequence."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from nemotron_operator.architecture.storage import BF16, Storage


class Split(Enum):
    """How tensor parallelism divides a linear layer (vllm/model_executor/layers/linear.py)."""

    COLUMNS = "outputs are divided"
    ROWS = "inputs are divided, every GPU holds all output channels"
    REPLICATED = "every GPU holds all of it"


@dataclass(frozen=True, slots=True)
class Linear:
    """One linear layer, or several equal ones such as the experts of a mixture."""

    name: str
    """Its path in the checkpoint, below the block."""
    inputs: int
    outputs: int
    split: Split
    copies: int = 1
    bias: bool = False
    units: int | None = None
    """The outputs consist of this many units that are never cut, KV heads or Mamba groups: a tensor-parallel group
    that is larger repeats them. None when any even share will do."""
    storage: Storage = BF16


@dataclass(frozen=True, slots=True)
class Parameters:
    """Small parameters that are not quantised: norms, convolutions, decay rates."""

    count: int
    is_split: bool
    """Whether tensor parallelism divides them."""
    element_bytes: int = 2
    units: int | None = None
    """As of a linear layer: they belong to this many units that are never cut, but repeated in a larger group."""


@dataclass(frozen=True, slots=True)
class KeyValues:
    """What an attention layer keeps of each token."""

    heads: int
    """Query heads."""
    kv_heads: int
    head_dim: int
    window_tokens: int | None = None
    """Sliding window; None keeps all tokens."""
    is_repeatable: bool = True
    """Whether vLLM's class repeats KV heads in a tensor-parallel group larger than their number."""


STATE_ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of one element of a Mamba state, by the name of its format (`MambaDType` in vllm/config/cache.py)."""


@dataclass(frozen=True, slots=True)
class State:
    """What a Mamba-2 layer keeps of each sequence, however long it is."""

    heads: int
    head_dim: int
    groups: int
    state_size: int
    conv_kernel: int
    ssm_element_bytes: int
    conv_element_bytes: int = 2

    @property
    def width(self) -> int:
        """The inner width, all heads together."""
        return self.heads * self.head_dim


@dataclass(frozen=True, slots=True)
class Experts:
    """How a mixture of experts works on tokens."""

    experts_per_token: int
    intermediate_size: int
    hidden_size: int
    is_gated: bool


@dataclass(frozen=True, slots=True)
class Block:
    """One decoder block: attention, Mamba, feed-forward or experts, alone or one after the other."""

    linears: tuple[Linear, ...] = ()
    parameters: tuple[Parameters, ...] = ()
    key_values: KeyValues | None = None
    state: State | None = None
    intermediate_size: int = 0
    """Width of the dense feed-forward layer; 0 without one."""
    is_gated: bool = True
    """Whether the feed-forward layer has a gate beside its up projection."""
    experts: Experts | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Architecture:
    """A decoder: embeddings, blocks, head.

    Two are equal only if they are the same object, so that an account of hundreds of blocks can be remembered by it.
    """

    name: str
    """The class in `architectures` of config.json, by which vLLM picks its own."""
    hidden_size: int
    vocab_size: int
    blocks: tuple[Block, ...]
    max_position_embeddings: int | None
    """Longest sequence that config.json speaks of, in tokens; None where it names none."""
    is_tied: bool = False
    """Whether lm_head shares the embedding's weights."""
    embedding_storage: Storage = BF16
    head_storage: Storage = BF16
    last_norm: Parameters = Parameters(0, is_split=False)
    """The norm before the head."""
    repeats_ends: bool = False
    """Whether vLLM keeps embedding, last norm and head on every pipeline stage, and not where they are used."""
    extra_parameters: tuple[Parameters, ...] = ()
    """What stands beside the decoder on its first pipeline stage, such as a vision tower."""
    draft_blocks: tuple[Block, ...] = ()
    """Multi-token prediction: in the repository, and on a GPU only with speculative decoding."""
    quantization: str = "BF16"
    """How most of the weights are stored, in a word."""
    kv_cache_dtype: str | None = None
    """KV cache format that the checkpoint asks for (`kv_cache_quant_algo`, `kv_cache_scheme`)."""

    def find_key_values(self) -> Sequence[KeyValues]:
        """List what the attention layers keep, in the order of the blocks."""
        return [block.key_values for block in self.blocks if block.key_values is not None]

    def find_states(self) -> Sequence[State]:
        """List what the Mamba layers keep, in the order of the blocks."""
        return [block.state for block in self.blocks if block.state is not None]
