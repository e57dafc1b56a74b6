"""The memory of one GPU: weights, working memory, and what is left for the KV cache.

The model follows vLLM: `requested = ceil(total x utilization)` (vllm/v1/worker/utils.py), and the KV cache gets what
weights, activations, communication buffers and CUDA graphs leave of it (vllm/v1/worker/gpu_worker.py).
All sizes are bytes on one GPU of a tensor-parallel group unless a name says otherwise.
"""

import math
from dataclasses import dataclass

from nemotron_operator.catalog.entry import CatalogEntry, Geometry, Quantization

MIB = 1024**2
GIB = 1024**3

UNQUANTIZED_BYTES = 2
"""Embeddings, lm_head and norms are BF16 in every checkpoint of the catalogue."""

VOCABULARY_PADDING = 64
"""vLLM pads the vocabulary to a multiple of this (DEFAULT_VOCAB_PADDING_SIZE)."""

KV_BLOCK_TOKENS = 16
"""Tokens of one KV cache block on CUDA."""

SAMPLER_PEAK_COPIES = 9.9
"""Peak of the profiling run in copies of the float32 logits of a full batch: 9.6 to 9.9 were published for five dense
and MoE models on vLLM 0.11 (llm-d empirical memory results). The upper end, so that a plan errs towards refusing."""

CUDA_GRAPH_BYTES = GIB // 2
"""CUDA graphs. The published residuals reach 0.39 GiB; rounded up."""

NON_TORCH_BYTES_ONE_GPU = int(0.13 * GIB)
"""CUDA context and libraries on one GPU without a group, as published for vLLM 0.11."""

NON_TORCH_BYTES_PER_DOUBLING = int(0.42 * GIB)
"""Communication buffers per doubling of the group. Published is the first step, 0.13 to 0.55 GiB at size 2; no
measurement of 4 and 8 is known, the same step is assumed."""


@dataclass(frozen=True, slots=True)
class EngineShape:
    """The settings that decide how much memory one engine needs."""

    tensor_parallel_size: int
    max_num_seqs: int
    max_num_batched_tokens: int
    kv_element_bytes: int
    gpu_memory_utilization_percent: int


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """How the memory of one GPU is spent."""

    total_bytes: int
    """What CUDA reports."""
    requested_bytes: int
    """What the engine may take of it."""
    weights_bytes: int
    activation_bytes: int
    non_torch_bytes: int
    cuda_graph_bytes: int
    kv_bytes_per_token: int
    """KV cache of one token on this GPU."""

    @property
    def working_bytes(self) -> int:
        """Sum everything that is neither weights nor KV cache."""
        return self.activation_bytes + self.non_torch_bytes + self.cuda_graph_bytes

    @property
    def kv_cache_bytes(self) -> int:
        """Tell what is left for the KV cache; negative when weights and working memory do not fit."""
        return self.requested_bytes - self.weights_bytes - self.working_bytes

    @property
    def kv_cache_tokens(self) -> int:
        """Count the tokens that fit, in whole blocks."""
        blocks = max(0, self.kv_cache_bytes) // (self.kv_bytes_per_token * KV_BLOCK_TOKENS)
        return blocks * KV_BLOCK_TOKENS


def estimate_gpu_memory(entry: CatalogEntry, shape: EngineShape, usable_memory_bytes: int) -> GpuMemory:
    """Account for one GPU of a replica."""
    return GpuMemory(
        total_bytes=usable_memory_bytes,
        requested_bytes=math.ceil(usable_memory_bytes * shape.gpu_memory_utilization_percent / 100),
        weights_bytes=count_weights_bytes(entry.geometry, entry.quantization, shape.tensor_parallel_size),
        activation_bytes=_estimate_activation_bytes(entry.geometry, shape),
        non_torch_bytes=_estimate_non_torch_bytes(shape.tensor_parallel_size),
        cuda_graph_bytes=CUDA_GRAPH_BYTES,
        kv_bytes_per_token=count_kv_bytes_per_token(entry.geometry, shape.tensor_parallel_size, shape.kv_element_bytes),
    )


def count_weights_bytes(geometry: Geometry, quantization: Quantization, tensor_parallel_size: int) -> int:
    """Count the weights on one GPU, exactly.

    Column-parallel layers (q, k, v, gate, up) split their outputs and scales; row-parallel layers (o, down) split their
    inputs, so every GPU holds all their scales. KV heads are replicated when the group is larger than their number.
    """
    heads = geometry.attention_heads // tensor_parallel_size
    kv_heads = max(1, geometry.kv_heads // tensor_parallel_size)
    intermediate = geometry.intermediate_size // tensor_parallel_size
    hidden = geometry.hidden_size
    attention_outputs = (heads + 2 * kv_heads) * geometry.head_dim
    weights = hidden * attention_outputs + heads * geometry.head_dim * hidden + 3 * hidden * intermediate
    output_channels = attention_outputs + hidden + 2 * intermediate + hidden
    norms = 2 * hidden * UNQUANTIZED_BYTES
    layer = weights * quantization.linear_weight_bytes + output_channels * quantization.per_channel_scale_bytes + norms
    padded_vocabulary = math.ceil(geometry.vocab_size / VOCABULARY_PADDING) * VOCABULARY_PADDING
    vocabulary = 2 * math.ceil(padded_vocabulary / tensor_parallel_size) * hidden * UNQUANTIZED_BYTES
    return geometry.layers * layer + vocabulary + hidden * UNQUANTIZED_BYTES


def count_kv_bytes_per_token(geometry: Geometry, tensor_parallel_size: int, kv_element_bytes: int) -> int:
    """Count keys and values of one token on one GPU, exactly."""
    kv_heads = max(1, geometry.kv_heads // tensor_parallel_size)
    return geometry.layers * 2 * kv_heads * geometry.head_dim * kv_element_bytes


def count_repository_bytes(entry: CatalogEntry) -> int:
    """Count the weights of the whole repository: what one GPU would hold alone."""
    return count_weights_bytes(entry.geometry, entry.quantization, tensor_parallel_size=1)


def _estimate_activation_bytes(geometry: Geometry, shape: EngineShape) -> int:
    """Take the larger of the two peaks: the sampler over a full batch, and one layer over a full step."""
    sampler = int(SAMPLER_PEAK_COPIES * shape.max_num_seqs * geometry.vocab_size * 4)
    widest_layer = 2 * geometry.hidden_size + 2 * geometry.intermediate_size // shape.tensor_parallel_size
    forward = shape.max_num_batched_tokens * widest_layer * UNQUANTIZED_BYTES
    return max(sampler, forward)


def _estimate_non_torch_bytes(tensor_parallel_size: int) -> int:
    doublings = math.log2(tensor_parallel_size)
    return NON_TORCH_BYTES_ONE_GPU + int(doublings * NON_TORCH_BYTES_PER_DOUBLING)
