import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from nemotron_operator.plan.memory import engine_memory
from tests.accuracy import misses
from tests.accuracy.comparison import Comparison, compare_all
from tests.accuracy.datapoints import find_datapoint, read_datapoints, read_model
from tests.bench.accuracy import Summary, print_accuracy, summarise

COMPARISONS = compare_all()
SUMMARY = summarise(COMPARISONS)


@pytest.mark.parametrize(
    ("promise", "known"),
    [
        ("weights", misses.WEIGHTS),
        ("kv_bytes", {}),
        ("kv_cache", misses.KV_CACHE),
        ("kv_range", misses.RANGE),
        ("called_fitting", misses.CALLED_FITTING),
        ("refused", misses.REFUSED),
    ],
)
def test_only_the_rows_that_are_listed_with_a_reason_miss_a_promise(promise: str, known: Mapping[str, str]) -> None:
    missed, _ = getattr(SUMMARY, promise)
    assert sorted(known) == sorted(missed)


def test_many_rows_are_compared() -> None:
    counts = {name: getattr(SUMMARY, name)[1] for name in Summary.__slots__}
    assert counts["weights"] >= 64
    assert counts["kv_bytes"] >= 49
    assert counts["kv_cache"] >= 59
    assert counts["called_fitting"] >= 7
    assert counts["refused"] >= 55


def test_every_row_cites_its_source() -> None:
    assert [] == [point.id for point in read_datapoints() if not point.source]


def test_every_row_that_a_constant_cites_is_there() -> None:
    plan = Path(engine_memory.__file__).parent
    cited = {row for file in plan.glob("*.py") for row in re.findall(r"\b[DP]\d{1,3}\b", file.read_text())}
    assert len(cited) > 20
    assert set() == cited - {point.id for point in read_datapoints()}


def test_no_row_is_there_twice() -> None:
    ids = [point.id for point in read_datapoints()]
    assert len(ids) == len(set(ids))


def test_a_row_that_is_left_out_says_why() -> None:
    left_out = [point for point in read_datapoints() if point.is_planned and not point.is_compared]
    assert len(left_out) > 0
    assert all(len(point.excluded) > 20 for point in left_out)


def test_a_row_of_known_parts_adds_up() -> None:
    """D1: 71.26 GiB asked for, of which weights, activation and communication leave 32.00."""
    memory = Comparison(find_datapoint("D1")).memory
    assert memory.requested_bytes == memory.weights_bytes + memory.working_bytes + memory.kv_cache_bytes
    assert 32.00 == pytest.approx(memory.kv_cache_bytes / 2**30, abs=0.1)


def test_a_source_without_a_gpu_gets_no_verdict() -> None:
    unknown = Comparison(find_datapoint("D17"))
    assert (None, None) == (unknown.fits, unknown.kv_error_gib)


@pytest.mark.parametrize(
    ("row", "batch"),
    [
        ("D14", (256, 8192)),  # the first engine worked on whole prompts
        ("P31", (256, 2048)),  # A100
        ("P90", (1024, 8192)),  # H200
        ("P32", (6, 8192)),  # as told
    ],
)
def test_what_a_source_leaves_out_is_the_default_of_its_version(row: str, batch: tuple[int, int]) -> None:
    assert batch == find_datapoint(row).batch


def test_every_model_of_a_row_can_be_read() -> None:
    names = {read_model(point.config).name for point in read_datapoints() if point.is_planned}
    assert {"LlamaForCausalLM", "GptOssForCausalLM", "NemotronHForCausalLM", "Qwen3MoeForCausalLM"} <= names


def test_the_table_shows_every_compared_row_and_names_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_accuracy()
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0] for line in lines if line.strip()}
    assert {each.point.id for each in COMPARISONS} <= rows
    assert any(line.startswith("not planned") and "deepseek-ai/DeepSeek-R1" in line for line in lines)
    assert any(line.startswith("not compared: P1: ") for line in lines)
