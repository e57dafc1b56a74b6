from pathlib import Path

import pytest

from nemotron_operator.probe.engine_probe import Work, read_work

REAL_PAGE = (Path(__file__).parents[2] / "bench" / "vllm_metrics.txt").read_text()

TWO_ENGINES = """\
vllm:num_requests_running{engine="0",model_name="a b} c"} 2.0
vllm:num_requests_running{engine="1",model_name="a b} c"} 3.0
vllm:num_requests_waiting{engine="0",model_name="a b} c"} 0.0
vllm:num_requests_waiting{engine="1",model_name="a b} c"} 4.0
vllm:num_requests_waiting_by_reason{engine="1",model_name="a b} c",reason="capacity"} 4.0
vllm:kv_cache_usage_perc{engine="0",model_name="a b} c"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="a b} c"} 0.5
vllm:iteration_tokens_total_bucket{engine="0",le="+Inf",model_name="a b} c"} 9.0
vllm:iteration_tokens_total_count{engine="0",model_name="a b} c"} 9.0
vllm:iteration_tokens_total_count{engine="1",model_name="a b} c"} 1.0
vllm:iteration_tokens_total_sum{engine="0",model_name="a b} c"} 1.2e+06
vllm:iteration_tokens_total_sum{engine="1",model_name="a b} c"} 5.0
"""


def test_the_page_of_a_real_engine_is_read() -> None:
    assert Work(requests=0, steps=11, tokens=55.0, kv_usage=0.0) == read_work(REAL_PAGE)


def test_several_engines_are_summed() -> None:
    assert Work(requests=9, steps=10, tokens=1_200_005.0, kv_usage=0.75) == read_work(TWO_ENGINES)


def test_a_page_needs_no_kv_cache() -> None:
    page = "\n".join(line for line in TWO_ENGINES.splitlines() if "kv_cache" not in line)
    assert Work(requests=9, steps=10, tokens=1_200_005.0, kv_usage=0.0) == read_work(page)


@pytest.mark.parametrize("missing", ["num_requests_running", "total_count", "total_sum"])
def test_a_page_that_lacks_a_number_tells_nothing(missing: str) -> None:
    assert read_work("\n".join(line for line in TWO_ENGINES.splitlines() if missing not in line)) is None


def test_a_page_without_statistics_tells_nothing() -> None:
    assert read_work("python_info 1.0\n") is None
