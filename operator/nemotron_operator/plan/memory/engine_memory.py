"""What vLLM itself takes, beside weights and KV cache, by its version. Each constant with its source.

Rows named D and P are those of tests/accuracy/datapoints.csv, each with its own citation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from nemotron_operator.plan.engine_version import parse_version
from nemotron_operator.plan.memory.estimate import Estimate, exactly
from nemotron_operator.units import GIB, MIB


@dataclass(frozen=True, slots=True, eq=False)
class EngineMemory:
    """How one line of versions uses memory."""

    since: tuple[int, int]
    """The first version of the line."""
    sampler_bytes_per_logit: tuple[float, float, float]
    """Peak of the sampler in the profiling run for each sequence and vocabulary entry: low, expected, high."""
    non_torch: Mapping[int, Estimate]
    """CUDA context growth and communication buffers, by tensor parallel size."""
    graphs: Mapping[int, Estimate]
    """What is set aside for all `MOST_GRAPHS` CUDA graphs before the KV cache is sized, by tensor parallel size
    (VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS)."""
    state_blocks_per_sequence: int
    """Blocks that a sequence holds in each group of Mamba layers, with prefix caching as it is by default."""
    group_padding: float
    """Layers of several kinds are padded to the larger number where it is less than this many times the smaller."""
    is_asynchronous: bool
    """Whether a step may be prepared while another is under way, and sliding windows keep the tokens of all of them."""
    expert_multiple: int
    """Experts without a gate are widened to a multiple of this many channels on each GPU."""


def _from_gib(low: float, expected: float, high: float) -> Estimate:
    return Estimate(int(low * GIB), int(expected * GIB), int(high * GIB))


SORTING_SAMPLER = (14.0, 38.0, 39.6)
"""PyTorch's sort of the logits: BF16 logits 2, float32 copy 4, sorted values 4 and indices 8, and the segmented sort's
own buffers 20. With the hidden states of the step on top this meets five printed peaks of vLLM 0.11 within 0.03 GiB
(D1, D3, D4, D5, D7), and the residuals of 0.11.2 to 0.16 on H200 (P86 to P89, P99 to P102, P130 to P132). Where
FlashInfer is installed it does not sort (next): so P27, P120 and P136, of the same versions."""

SAMPLER_WITHOUT_SORT = (14.0, 16.0, 17.5)
"""FlashInfer: BF16 logits 2, float32 copy 4, masked logits 4, probabilities 4, and a copy of the BF16 ones where a
group gathers them 2 (vllm/v1/sample/ops/topk_topp_sampler.py). P103 and P133 leave 15.6 and 16.0."""

SECOND_RUNNER = (10.0, 14.0, 17.5)
"""Model runner V2, the default since 0.29: logits of the model's own format 2, and a float32 copy 4, masked logits 4
and probabilities 4 only in its second warm-up pass (`_dummy_sampler_run` in vllm/v1/worker/gpu/model_runner.py of
0.33, which 0.29 may not have)."""

_OLDEST_NON_TORCH = MappingProxyType({
    1: _from_gib(0.15, 0.35, 1.80),  # P57, P58 have 0.35; D14 has 1.79, as it counts the CUDA context
    2: _from_gib(0.25, 0.55, 3.60),  # P59 has 0.25; P25 3.58
})  # fmt: skip

_FIRST_NON_TORCH = MappingProxyType({
    1: _from_gib(0.02, 0.13, 0.30),  # D3, D4, D5, D7
    2: _from_gib(0.45, 0.55, 1.40),  # D1, P26
    4: _from_gib(0.50, 0.70, 1.00),  # left of P86 to P89, P95, P122 to P125
    8: _from_gib(0.80, 1.00, 1.40),  # left of P96
})  # fmt: skip

_LATER_NON_TORCH = MappingProxyType({
    1: _from_gib(0.10, 0.15, 0.40),  # left of P103, P133; P39 has 0.26
    2: _from_gib(0.90, 1.70, 2.60),  # left of P107, P139, P142 are 1.2 to 2.5
    4: _from_gib(0.60, 1.95, 2.50),  # left of P85, P90, P119, P126 are 2.0 to 2.1; P40, P35 less, without NVLink
    8: _from_gib(0.80, 2.00, 2.60),  # left of P65, P94, P97 are 1.9 to 2.4
})  # fmt: skip
"""Larger since 0.17: where GPUs see each other's memory, a group keeps a workspace of FlashInfer's all-reduce."""

_NO_GRAPHS = MappingProxyType({1: exactly(0)})

_GRAPHS = MappingProxyType({
    1: _from_gib(0.25, 0.60, 1.20),  # P105, P135 leave 0.59, 0.55; P117 0.27
    2: _from_gib(0.35, 0.65, 1.20),  # P109 leaves 0.63
    4: _from_gib(0.50, 0.90, 1.40),  # P92, P128 leave 0.91, 0.90
    8: _from_gib(0.60, 1.20, 1.80),  # P75 leaves 1.55, of a model with more to capture
})  # fmt: skip
"""What 0.20.0 takes off and 0.19.0 did not, at vLLM's default batch."""

_LATER_GRAPHS = MappingProxyType({
    1: _from_gib(0.30, 1.00, 1.60),
    2: _from_gib(0.35, 1.05, 1.70),
    4: _from_gib(0.50, 1.30, 1.90),
    8: _from_gib(0.60, 1.60, 2.20),
})  # fmt: skip
"""The captures that later versions extrapolate from come to more than what is then used: P39 leaves 0.95 of 86 graphs,
and used 0.23. One GPU's is from that row; in larger groups it is assumed as much more as 0.20.0 shows."""

GRAPHS_BASE_BYTES = 50 * MIB
"""What the first graphs cost; with few sequences there are few graphs (P40: 0.3 GiB)."""

MOST_GRAPHS = 102
"""vLLM's default batch captures 51 sizes twice."""

_V0 = EngineMemory(
    since=(0, 0),
    sampler_bytes_per_logit=SORTING_SAMPLER,
    non_torch=_OLDEST_NON_TORCH,
    graphs=_NO_GRAPHS,
    state_blocks_per_sequence=1,
    group_padding=1.25,
    is_asynchronous=False,
    expert_multiple=1,
)
_V1 = replace(_V0, since=(0, 8), non_torch=_FIRST_NON_TORCH)
_WITHOUT_SORT = replace(
    _V1,
    since=(0, 17),
    sampler_bytes_per_logit=SAMPLER_WITHOUT_SORT,
    non_torch=_LATER_NON_TORCH,
    expert_multiple=128,
)
_WITH_GRAPHS = replace(_WITHOUT_SORT, since=(0, 20), graphs=_GRAPHS)
_WITH_LATER_GRAPHS = replace(_WITH_GRAPHS, since=(0, 21), graphs=_LATER_GRAPHS)
_SECOND_RUNNER = replace(
    _WITH_LATER_GRAPHS,
    since=(0, 29),
    sampler_bytes_per_logit=SECOND_RUNNER,
    state_blocks_per_sequence=3,
    group_padding=1.5,
    is_asynchronous=True,
)

ENGINES = (_V0, _V1, _WITHOUT_SORT, _WITH_GRAPHS, _WITH_LATER_GRAPHS, _SECOND_RUNNER)
"""The lines, oldest first. State blocks: 0.32.0 and 0.33.0 keep three with prefix caching (`MambaSpec` in
vllm/v1/kv_cache_interface.py); P99 to P109 fit one. Asynchronous: since model runner V2 is the default, each pipeline
stage and one step more may be under way (`max_concurrent_batches` in vllm/config/vllm.py)."""

ACTIVATION_BASE = Estimate(30 * MIB, 50 * MIB, 200 * MIB)
"""What is left of the five printed peaks of vLLM 0.11 after logits and hidden states: 0.04 to 0.07 GiB."""

FORWARD_RANGE = (0.8, 1.35)
"""How far the forward pass may be from its count: a compiled graph reuses buffers, and quantised layers keep a copy of
their inputs. P57 and P58, whose steps are whole prompts, leave 1.00 and 1.00; P32 1.06; P61 at most 1.4."""


def find_engine_memory(version: str | None) -> EngineMemory:
    """Find the line of a version; the newest for one that is not known."""
    if version is None:
        return ENGINES[-1]
    return next(engine for engine in reversed(ENGINES) if engine.since <= parse_version(version))


@cache
def adjust_engine_memory(line: EngineMemory, *, is_eager: bool, has_prefix_caching: bool) -> EngineMemory:
    """Take off what the arguments turn off; always the same object for them, as accounts are remembered by it."""
    if not is_eager and has_prefix_caching:
        return line
    return replace(
        line,
        graphs=_NO_GRAPHS if is_eager else line.graphs,
        # Without prefix caching, a sequence keeps nothing but its current state.
        state_blocks_per_sequence=line.state_blocks_per_sequence if has_prefix_caching else 1,
    )


def find_by_size(known: Mapping[int, Estimate], tensor_parallel_size: int) -> Estimate:
    """Find an estimate by tensor parallel size, or what is known of the next smaller one."""
    return known[max(size for size in known if size <= tensor_parallel_size)]
