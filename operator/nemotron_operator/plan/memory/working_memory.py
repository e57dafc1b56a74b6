"""Working memory: what one GPU needs beside weights and KV cache. Measured by vLLM when it starts, estimated here."""

from dataclasses import dataclass

from nemotron_operator.architecture.model import Architecture, Block
from nemotron_operator.plan.memory.adapters import AdapterRoom, count_adapter_bytes
from nemotron_operator.plan.memory.cuda_graphs import count_graphs
from nemotron_operator.plan.memory.engine_memory import (
    ACTIVATION_BASE,
    FORWARD_RANGE,
    GRAPHS_BASE_BYTES,
    MOST_GRAPHS,
    EngineMemory,
    find_by_size,
)
from nemotron_operator.plan.memory.estimate import Estimate, exactly, take_largest
from nemotron_operator.plan.memory.parallelism import Parallelism, Stage, count_blocks, list_stages

_ACTIVATION_BYTES = 2
"""Activations are BF16."""

NOTHING = exactly(0)


@dataclass(frozen=True, slots=True)
class Batch:
    """How much one step of the engine works on."""

    max_num_seqs: int
    max_num_batched_tokens: int


@dataclass(frozen=True, slots=True)
class WorkingMemory:
    """The parts."""

    activation: Estimate
    """Peak of the profiling run beyond the weights."""
    non_torch: Estimate
    """CUDA context growth and communication buffers."""
    graphs: Estimate
    """CUDA graphs, as far as the engine sets memory aside for them."""
    adapters: Estimate = NOTHING
    """Room for LoRA adapters."""

    @property
    def total(self) -> Estimate:
        """Add up."""
        return self.activation + self.non_torch + self.graphs + self.adapters


def estimate_working_memory(  # noqa: PLR0913, PLR0917 - a pure function of all that decides about it
    architecture: Architecture,
    parallelism: Parallelism,
    rank: int,
    batch: Batch,
    engine: EngineMemory,
    adapters: AdapterRoom | None = None,
) -> WorkingMemory:
    """Estimate what one GPU of a pipeline stage needs.

    Notes
    -----
    Where there may be adapters, graphs are captured with them and without: at worst they take twice as much
    (`cudagraph_specialize_lora` in vllm/config/compilation.py).
    """
    stage = list_stages(architecture, parallelism.pipeline)[rank]
    graphs = _estimate_graphs(parallelism.tensor, batch, engine)
    if adapters is not None:
        graphs = Estimate(graphs.low_bytes, graphs.expected_bytes, 2 * graphs.high_bytes)
    return WorkingMemory(
        activation=_estimate_activation(architecture, stage, parallelism.tensor, batch, engine),
        non_torch=_estimate_non_torch(parallelism, engine),
        graphs=graphs,
        adapters=exactly(count_adapter_bytes(architecture, parallelism, rank, adapters)) if adapters else NOTHING,
    )


def _estimate_non_torch(parallelism: Parallelism, engine: EngineMemory) -> Estimate:
    """Estimate by tensor parallel size; what stages need to talk to each other is not known, but less than pairs do."""
    own = find_by_size(engine.non_torch, parallelism.tensor)
    if parallelism.pipeline == 1:
        return own
    pair = find_by_size(engine.non_torch, max(2, parallelism.tensor))
    return Estimate(own.low_bytes, own.expected_bytes, max(own.high_bytes, pair.high_bytes))


def _estimate_graphs(tensor_parallel_size: int, batch: Batch, engine: EngineMemory) -> Estimate:
    """Estimate by the number of graphs: a small batch has few."""
    most = find_by_size(engine.graphs, tensor_parallel_size)
    if not most.high_bytes:
        return most
    share = count_graphs(batch.max_num_seqs, batch.max_num_batched_tokens) / MOST_GRAPHS
    return exactly(int((1 - share) * GRAPHS_BASE_BYTES)) + most.scale(share)


def _estimate_activation(
    architecture: Architecture, stage: Stage, tensor_parallel_size: int, batch: Batch, engine: EngineMemory
) -> Estimate:
    """Take the larger of the two peaks of `profile_run`: a full step through one block, and the sampler after it.

    The hidden states of the step are kept while the sampler runs (vllm/v1/worker/gpu_model_runner.py). Some kernels
    keep the experts' workspaces too.
    """
    tokens = batch.max_num_batched_tokens
    hidden = tokens * architecture.hidden_size * _ACTIVATION_BYTES
    blocks = [block for block, _ in count_blocks(stage.blocks)]
    forward = hidden + max(
        _count_block_peak_bytes(block, architecture, tensor_parallel_size, batch) for block in blocks
    )
    low, high = FORWARD_RANGE
    peaks = [Estimate(int(low * forward), forward, int(high * forward))]
    if stage.is_last:
        logits = min(batch.max_num_seqs, tokens) * architecture.vocab_size
        sampler = Estimate(*(int(logits * each) for each in engine.sampler_bytes_per_logit))
        kept = tokens * _ACTIVATION_BYTES * max(_count_experts_width(block, tensor_parallel_size) for block in blocks)
        peaks.append(exactly(hidden) + sampler + Estimate(0, 0, kept))
    return take_largest(*peaks) + ACTIVATION_BASE


def _count_block_peak_bytes(block: Block, architecture: Architecture, tensor_parallel_size: int, batch: Batch) -> int:
    """Count what lives at the same time inside one block.

    The residual, the input that was normalised, and the widest layer's inputs and outputs.
    """
    widths = [
        _count_attention_width(block) // tensor_parallel_size,
        (block.intermediate_size * (3 if block.is_gated else 2)) // tensor_parallel_size,
        _count_experts_width(block, tensor_parallel_size),
        _count_state_width(block) // tensor_parallel_size,
    ]
    return batch.max_num_batched_tokens * (2 * architecture.hidden_size + max(widths)) * _ACTIVATION_BYTES


def _count_attention_width(block: Block) -> int:
    attention = block.key_values
    return 2 * (attention.heads + attention.kv_heads) * attention.head_dim if attention else 0


def _count_experts_width(block: Block, tensor_parallel_size: int) -> int:
    """Count the workspaces of the fused experts: each token once for each of its experts."""
    experts = block.experts
    if experts is None:
        return 0
    inner = experts.intermediate_size * (3 if experts.is_gated else 2) // tensor_parallel_size
    return experts.experts_per_token * (inner + experts.hidden_size)


def _count_state_width(block: Block) -> int:
    """Count projection in, convolution and scan of a Mamba layer."""
    state = block.state
    if state is None:
        return 0
    channels = state.width + 2 * state.groups * state.state_size
    return state.width + 2 * channels + 2 * state.width
