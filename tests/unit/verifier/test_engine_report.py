import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.verifier import engine_report
from nemotron_operator.verifier.engine_report import (
    READ_LIMIT_BYTES,
    EngineReport,
    find_engine_report,
    read_engine_report,
)
from tests.unit.verifier.chat_server import Reply, chat_server, refuse, say, write

METRICS = (Path(__file__).parent / "metrics.txt").read_text()
"""What a served tiny model gave under /metrics: vLLM 0.32.0 on CPU."""

REAL = EngineReport(2_097_152, "4096.00")


def a_line(**labels: str) -> str:
    """Write the gauge with these labels, as Prometheus does."""
    written = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"vllm:cache_config_info{{{written}}} 1.0\n"


async def read(metrics: Reply | None) -> EngineReport | None:
    async with chat_server(say("3"), metrics=metrics) as server:
        return await read_engine_report(server.base_url)


async def test_the_metrics_of_a_real_engine_are_read() -> None:
    assert REAL == await read(write(METRICS))


@pytest.mark.parametrize(
    ("labels", "report"),
    [
        ({"kv_cache_size_tokens": "227696", "kv_cache_max_concurrency": "1.7372"}, EngineReport(227_696, "1.74")),
        ({"kv_cache_size_tokens": "227696"}, EngineReport(227_696, None)),
        ({"kv_cache_size_tokens": "227696", "kv_cache_max_concurrency": "None"}, EngineReport(227_696, None)),
        ({"kv_cache_size_tokens": "None", "num_gpu_blocks": "100", "block_size": "16"}, EngineReport(1600, None)),
        ({"num_gpu_blocks": "100", "block_size": "16"}, EngineReport(1600, None)),
        ({"num_gpu_blocks": "100", "block_size": "16", "sliding_window": "None"}, EngineReport(1600, None)),
        ({"num_gpu_blocks": "100", "block_size": "16", "sliding_window": "128"}, None),
        ({"num_gpu_blocks": "100", "block_size": "1312", "mamba_block_size": "131072"}, None),
        ({"kv_cache_size_tokens": "5", "mamba_block_size": "1312"}, EngineReport(5, None)),
        ({"kv_cache_size_tokens": "5", "num_gpu_blocks": "100", "block_size": "16"}, EngineReport(5, None)),
        ({"block_size": "16", "user_specified_block_size": "False", "num_gpu_blocks": "2"}, EngineReport(32, None)),
        ({"note": r"a \"quoted\" one, with = and }", "kv_cache_size_tokens": "7"}, EngineReport(7, None)),
        ({"num_gpu_blocks": "100", "block_size": "None"}, None),
        ({"num_gpu_blocks": "None", "block_size": "16"}, None),
        ({"kv_cache_size_tokens": "-1"}, None),
        ({"kv_cache_size_tokens": "1e6"}, None),
        ({"kv_cache_size_tokens": "9" * 30}, None),
        ({"kv_cache_size_tokens": str(2**63)}, None),
        ({"num_gpu_blocks": "9" * 19, "block_size": "9" * 19}, None),
        ({"kv_cache_size_tokens": "1", "kv_cache_max_concurrency": "nan"}, EngineReport(1, None)),
        ({"kv_cache_size_tokens": "1", "kv_cache_max_concurrency": "9" * 20}, EngineReport(1, None)),
        ({}, None),
    ],
)
def test_what_the_gauge_says_is_taken_and_what_is_odd_is_left(
    labels: dict[str, str], report: EngineReport | None
) -> None:
    assert report == find_engine_report(f"# HELP x y\n{a_line(**labels)}other 1\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vllm:num_requests_running 0\n",
        "vllm:cache_config_info 1.0\n",
        "vllm:cache_config_info{",
        '<html>vllm:cache_config_info{kv_cache_size_tokens="1"} 1</html>',
        '# vllm:cache_config_info{kv_cache_size_tokens="1"} 1',
        'vllm:cache_config_info{kv_cache_size_tokens="1',
        "\x00\ufffd",
    ],
)
def test_text_without_a_sound_gauge_reports_nothing(text: str) -> None:
    assert find_engine_report(text) is None


@given(st.text(alphabet='ab="\\{},\n 1_', max_size=200))
def test_any_text_after_the_name_is_read_without_a_mistake(text: str) -> None:
    report = find_engine_report("vllm:cache_config_info{" + text)
    assert report is None or report.kv_cache_tokens >= 0


@pytest.mark.parametrize("text", ["a" * 10**6, 'a="' * 10**6, 'a="\\"' * 10**5, "a=" * 10**6])
def test_an_endless_line_is_read_in_no_time(text: str) -> None:
    started = time.process_time()
    assert find_engine_report("vllm:cache_config_info{" + text) is None
    assert find_engine_report("vllm:cache_config_info{" + text[:60_000]) is None
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "reply",
    [None, refuse(401), refuse(500, METRICS), refuse(302, "", Location="http://127.0.0.1:1/"), write("not metrics")],
)
async def test_metrics_that_are_not_there_or_odd_are_no_failure(reply: Reply | None) -> None:
    assert await read(reply) is None


async def test_a_server_that_is_gone_is_no_failure() -> None:
    assert await read_engine_report("http://127.0.0.1:1/v1") is None


@pytest.mark.parametrize(("padding", "report"), [(0, REAL), (READ_LIMIT_BYTES, None)])
async def test_no_more_is_read_than_an_engine_has(padding: int, report: EngineReport | None) -> None:
    assert report == await read(write("#" * padding + "\n" + METRICS))


async def test_metrics_that_never_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_report, "READ_SECONDS", 0.5)

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"# and so on\n")
            await asyncio.sleep(0.1)

    assert await asyncio.wait_for(read(drip), 60) is None


async def test_content_that_ends_in_the_middle_is_no_failure() -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"# the beginning\n")
        if request.transport is not None:
            request.transport.abort()
        return response

    assert await read(break_off) is None
