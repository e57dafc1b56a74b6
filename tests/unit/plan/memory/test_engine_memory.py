import csv
import re
from pathlib import Path

import pytest

from nemotron_operator.plan.memory.cuda_graphs import count_graphs
from nemotron_operator.plan.memory.engine_memory import (
    ENGINES,
    MOST_GRAPHS,
    EngineMemory,
    adjust_engine_memory,
    find_by_size,
    find_engine_memory,
)
from nemotron_operator.plan.memory.estimate import Estimate

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("version", "since"),
    [
        ("0.6.3", (0, 0)),
        ("0.8.0", (0, 8)),
        ("0.16.0", (0, 8)),
        ("0.17.1", (0, 17)),
        ("0.19.1", (0, 17)),
        ("0.20.0", (0, 20)),
        ("0.20.2", (0, 20)),
        ("0.28.0", (0, 21)),
        ("0.29", (0, 29)),
        ("0.33.0", (0, 29)),
        ("1.0.0", (0, 29)),
        (None, (0, 29)),
    ],
)
def test_a_version_has_the_constants_of_its_line(version: str | None, since: tuple[int, int]) -> None:
    assert since == find_engine_memory(version).since


def test_every_row_that_code_or_test_cites_is_a_data_point() -> None:
    with (ROOT / "tests/accuracy/datapoints.csv").open() as file:
        known = {row["id"] for row in csv.DictReader(file)}
    cited = {
        name
        for folder in ("operator/nemotron_operator", "tests/unit", "tests/accuracy")
        for source in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\b[DP]\d+\b", source.read_text())
    }
    assert len(cited) > 50
    assert set() == cited - known


def test_what_arguments_turn_off_is_the_same_object_each_time() -> None:
    """Accounts are remembered by it."""
    line = find_engine_memory("0.33.0")
    eager = adjust_engine_memory(line, is_eager=True, has_prefix_caching=False)
    assert eager is adjust_engine_memory(line, is_eager=True, has_prefix_caching=False)
    assert (0, 1) == (find_by_size(eager.graphs, 8).high_bytes, eager.state_blocks_per_sequence)
    assert line is adjust_engine_memory(line, is_eager=False, has_prefix_caching=True)


def test_the_lines_are_in_order() -> None:
    assert [engine.since for engine in ENGINES] == sorted({engine.since for engine in ENGINES})


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.since))
def test_every_constant_lies_within_its_range(engine: EngineMemory) -> None:
    assert list(engine.sampler_bytes_per_logit) == sorted(engine.sampler_bytes_per_logit)
    for estimate in (*engine.non_torch.values(), *engine.graphs.values()):
        assert estimate.low_bytes <= estimate.expected_bytes <= estimate.high_bytes


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: str(engine.since))
def test_a_larger_group_is_never_expected_to_need_less(engine: EngineMemory) -> None:
    for known in (engine.non_torch, engine.graphs):
        expected = [known[size].expected_bytes for size in sorted(known)]
        assert expected == sorted(expected)


def test_a_size_that_nobody_measured_has_the_constants_of_the_next_smaller_one() -> None:
    known = {1: Estimate(1, 1, 1), 4: Estimate(4, 4, 4)}
    assert [1, 1, 1, 4, 4] == [find_by_size(known, size).expected_bytes for size in (1, 2, 3, 4, 16)]


@pytest.mark.parametrize(
    ("sequences", "graphs"),
    [
        (1024, 51 + 51),
        (512, 51 + 51),
        (256, 51 + 35),  # P9, P31
        (16, 7 + 5),
        (6, 4 + 3),
        (1, 2 + 1),
    ],
)
def test_graphs_are_captured_for_as_many_sizes_as_the_batch_has(sequences: int, graphs: int) -> None:
    assert graphs == count_graphs(sequences, 8192)


def test_the_default_batch_captures_most() -> None:
    assert MOST_GRAPHS == count_graphs(1024, 8192) == count_graphs(10**6, 10**6)


def test_a_step_of_few_tokens_captures_no_larger_size() -> None:
    assert count_graphs(1024, 8) == count_graphs(8, 8) == 4 + 4
