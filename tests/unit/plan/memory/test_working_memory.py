import pytest

from nemotron_operator.architecture.model import Architecture
from nemotron_operator.plan.memory.engine_memory import ACTIVATION_BASE, find_engine_memory
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.memory.working_memory import Batch, WorkingMemory, estimate_working_memory
from nemotron_operator.units import GIB
from tests.accuracy.datapoints import read_model

LLAMA_8B = read_model("llama-3.1-8b")
DEFAULT_BATCH = Batch(1024, 8192)
ONE_GPU = Parallelism()


def estimate(
    architecture: Architecture = LLAMA_8B,
    parallelism: Parallelism = ONE_GPU,
    batch: Batch = DEFAULT_BATCH,
    *,
    version: str = "0.33.0",
    rank: int = 0,
) -> WorkingMemory:
    return estimate_working_memory(architecture, parallelism, rank, batch, find_engine_memory(version))


@pytest.mark.parametrize(
    ("row", "model", "gib"),
    [
        ("D1", "llama-3-70b-fp8-dynamic", 4.84),
        ("D3", "llama-3.1-8b", 4.76),
        ("D4", "qwen3-0.6b", 5.56),
        ("D5", "qwen3-32b", 5.64),
        ("D7", "gpt-oss-20b", 7.38),
    ],
)
def test_the_peaks_that_vllm_0_11_prints_are_met(row: str, model: str, gib: float) -> None:
    working = estimate(read_model(model), version="0.11.0")
    assert gib == pytest.approx(working.activation.expected_bytes / GIB, abs=0.03), row


@pytest.mark.parametrize(("row", "tokens", "gib"), [("P57", 20_000, 2.07), ("P58", 29_000, 2.99)])
def test_the_peaks_of_whole_prompts_are_those_of_the_forward_pass(row: str, tokens: int, gib: float) -> None:
    working = estimate(batch=Batch(256, tokens), version="0.6.4")
    assert gib == pytest.approx(working.activation.expected_bytes / GIB, abs=0.06), row


def test_fewer_sequences_free_memory_until_the_forward_pass_is_the_peak() -> None:
    peaks = [estimate(batch=Batch(count, 8192)).activation.expected_bytes for count in (1024, 512, 8, 1)]
    assert peaks[0] > peaks[1] > peaks[2] == peaks[3]


def test_more_tokens_in_a_step_take_more_memory() -> None:
    peaks = [estimate(batch=Batch(1, tokens)).activation.expected_bytes for tokens in (2048, 8192, 65_536)]
    assert peaks == sorted(set(peaks))


def test_a_stage_that_is_not_the_last_has_no_sampler() -> None:
    first, last = (estimate(parallelism=Parallelism(1, 2), rank=rank).activation for rank in (0, 1))
    assert first.expected_bytes < last.expected_bytes


def test_a_step_has_no_more_rows_than_tokens() -> None:
    few, many = (estimate(batch=Batch(count, 64)).activation for count in (64, 1024))
    assert few == many


def test_what_the_sampler_needs_goes_with_the_vocabulary_and_not_with_the_weights() -> None:
    small = estimate(LLAMA_8B).activation.expected_bytes
    large = estimate(read_model("llama-3-70b")).activation.expected_bytes
    difference_of_hidden_states = (8192 - 4096) * 8192 * 2
    assert difference_of_hidden_states == large - small


def test_before_0_20_nothing_is_set_aside_for_graphs() -> None:
    assert 0 == estimate(version="0.19.1").graphs.high_bytes
    assert estimate(version="0.20.0").graphs.low_bytes > 0


def test_a_small_batch_captures_few_graphs() -> None:
    parts = [estimate(batch=Batch(count, 8192)).graphs.expected_bytes for count in (1, 16, 256, 512)]
    assert parts == sorted(set(parts))
    assert parts[0] < 0.1 * GIB


def test_stages_may_need_as_much_to_talk_as_pairs_do() -> None:
    alone, stages, pair = (
        estimate(parallelism=parallelism).non_torch
        for parallelism in (Parallelism(1), Parallelism(1, 2), Parallelism(2))
    )
    assert (alone.low_bytes, alone.expected_bytes) == (stages.low_bytes, stages.expected_bytes)
    assert pair.high_bytes == stages.high_bytes > alone.high_bytes


def test_experts_that_keep_their_workspace_raise_the_high_end_alone() -> None:
    """8 experts of a token: 8192 tokens x 8 x (3 x 768 + 2048) values of 2 bytes."""
    activation = estimate(read_model("qwen3-30b-a3b"), version="0.17.0").activation
    logits, hidden = 1024 * 151_936, 8192 * 2048 * 2
    assert int(16 * logits) + hidden + ACTIVATION_BASE.expected_bytes == activation.expected_bytes
    workspace = 8192 * 8 * (3 * 768 + 2048) * 2
    assert int(17.5 * logits) + hidden + workspace + ACTIVATION_BASE.high_bytes == activation.high_bytes


def test_the_total_is_the_sum_of_the_parts() -> None:
    working = estimate(parallelism=Parallelism(4))
    assert working.activation + working.non_torch + working.graphs == working.total
