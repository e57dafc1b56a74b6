import asyncio
import json
from http.server import BaseHTTPRequestHandler
from socket import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nemotron_operator.cluster import download_progress
from nemotron_operator.cluster.download_progress import (
    MAX_NUMBER,
    READ_LIMIT_BYTES,
    ProgressAnswer,
    ask_download,
    find_progress_url,
    read_progress,
)
from nemotron_operator.downloader.progress import Meter
from nemotron_operator.downloader.progress_server import served
from nemotron_operator.status.observed_jobs import ObservedProgress
from tests.support.downloader_server import PlayedDownloader, Reply, a_downloading_pod, a_progress, say
from tests.support.fixtures.live_objects import a_live_job
from tests.support.reserved_port import reserved_port

HALF = ObservedProgress(36_342_500_000, 72_685_000_000, 480_000_000, 75)

LONG_SECONDS = 60
"""More than any test takes: only a question that never ends meets it."""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give answers that come the time that a busy machine takes; the tests of those that do not come give less."""
    monkeypatch.setattr(download_progress, "TIMEOUT_SECONDS", 30.0)


async def ask(reply: Reply) -> ObservedProgress | None:
    with PlayedDownloader(reply).serve() as downloader:
        return await asyncio.wait_for(read_progress(downloader.url), LONG_SECONDS)


async def test_a_running_download_tells_how_far_it_is() -> None:
    assert HALF == await ask(say(a_progress(50)))


async def test_what_the_downloader_serves_is_understood() -> None:
    meter = Meter(lambda: HALF.held_bytes, HALF.total_bytes)
    with reserved_port() as port, served(meter, port, "org/model", "127.0.0.1"):
        told = await read_progress(f"http://127.0.0.1:{port}/progress")
    assert ObservedProgress(HALF.held_bytes, HALF.total_bytes, bytes_per_second=0, eta_seconds=None) == told


async def test_a_download_at_which_nothing_arrives_has_no_time_left() -> None:
    expected = ObservedProgress(HALF.held_bytes, HALF.total_bytes, 0, None)
    assert expected == await ask(say(a_progress(50, bytesPerSecond=0, etaSeconds=None)))


async def test_what_a_newer_downloader_adds_is_no_obstacle() -> None:
    assert HALF == await ask(say(a_progress(50, files=26)))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "not JSON",
        "null",
        "[]",
        "[" * 2000,
        '{"bytes": 1}',
        '{"bytes": NaN, "totalBytes": 2, "bytesPerSecond": 1}',
        '{"bytes": 1, "totalBytes": Infinity, "bytesPerSecond": 1}',
        '{"bytes": 1, "totalBytes": 1e400, "bytesPerSecond": 1}',
        '{"bytes": 1, "totalBytes": 2, "bytesPerSecond": ' + "9" * 3000 + "}",
        a_progress(50, bytes=-1),
        a_progress(50, bytes="36342500000"),
        a_progress(50, bytes=True),
        a_progress(50, bytes=0.5),
        a_progress(50, bytes=72_685_000_001),
        a_progress(0, bytes=0, totalBytes=0),
        a_progress(50, totalBytes=MAX_NUMBER + 1),
        a_progress(50, bytesPerSecond=-1),
        a_progress(50, etaSeconds=-1),
        a_progress(50, etaSeconds=2**63),
        b"\xff\xfe\x00",
    ],
    ids=lambda answer: str(answer)[:60],
)
async def test_numbers_that_cannot_be_are_no_answer(answer: str | bytes | dict[str, object]) -> None:
    assert await ask(say(answer)) is None


@pytest.mark.parametrize("status", [204, 404, 500, 503])
async def test_an_answer_that_is_not_ok_is_none(status: int) -> None:
    assert await ask(say(a_progress(50), status)) is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    with PlayedDownloader(say(a_progress(50))).serve() as other:
        assert await ask(say("", status, {"Location": other.url})) is None
    assert [] == other.paths


async def test_a_long_answer_is_none_though_its_beginning_is_sound() -> None:
    filled = say(a_progress(50, padding="x" * READ_LIMIT_BYTES))
    assert await ask(filled) is None


async def test_an_answer_without_end_is_left() -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 65_536)

    assert await ask(pour) is None


async def test_an_answer_that_only_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_progress, "TIMEOUT_SECONDS", 0.2)
    downloader = PlayedDownloader(say(""))

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not downloader.stopped.wait(0.02):
            handler.wfile.write(b" ")

    downloader.reply = drip
    with downloader.serve():
        assert await asyncio.wait_for(read_progress(downloader.url), LONG_SECONDS) is None


async def test_a_downloader_that_hangs_before_it_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_progress, "TIMEOUT_SECONDS", 0.2)
    downloader = PlayedDownloader(say(""))

    def hang(_handler: BaseHTTPRequestHandler) -> None:
        downloader.stopped.wait(LONG_SECONDS)

    downloader.reply = hang
    with downloader.serve():
        assert await asyncio.wait_for(read_progress(downloader.url), LONG_SECONDS) is None


async def test_an_answer_that_is_cut_is_none() -> None:
    assert await ask(say(a_progress(50), headers={"Content-Length": "4000"})) is None


async def test_what_does_not_speak_http_is_none() -> None:
    def babble(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"220 mail.example.com ESMTP\r\n\r\n")

    assert await ask(babble) is None


async def test_a_compressed_answer_is_not_unpacked() -> None:
    assert await ask(say(b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"})) is None


async def test_an_address_where_nobody_listens_is_none() -> None:
    with socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert await read_progress(f"http://127.0.0.1:{bound.getsockname()[1]}/progress") is None


async def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        PlayedDownloader(say(a_progress(10))).serve() as proxy,
        PlayedDownloader(say(a_progress(50))).serve() as downloader,
    ):
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert HALF == await read_progress(downloader.url)
    assert [] == proxy.paths


async def test_the_pod_of_the_job_is_asked_and_no_other() -> None:
    job, other = a_live_job(), a_live_job("other")
    other["metadata"]["uid"] = "another"
    with PlayedDownloader(say(a_progress(50))).serve() as downloader:
        pod = a_downloading_pod(job, port=downloader.port)
        assert await ask_download(other, [pod]) is None
        assert [] == downloader.paths
        assert HALF == await ask_download(job, [pod])
    assert ["/progress"] == downloader.paths


def test_an_ipv6_address_is_bracketed() -> None:
    job = a_live_job()
    assert "http://10.0.0.7:8001/progress" == find_progress_url(a_downloading_pod(job, "10.0.0.7"))
    assert "http://[fd00::7]:8001/progress" == find_progress_url(a_downloading_pod(job, "fd00::7"))


@pytest.mark.parametrize("address", ["", "example.com", "10.0.0.7:80", "10.0.0.7/secret", "10.0.0.7@example.com"])
def test_what_is_no_address_is_never_asked(address: str) -> None:
    assert find_progress_url(a_downloading_pod(a_live_job(), address)) is None


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed", "Unknown"])
def test_a_pod_that_does_not_run_is_not_asked(phase: str) -> None:
    assert find_progress_url(a_downloading_pod(a_live_job(), phase=phase)) is None


def test_a_pod_that_goes_or_offers_no_port_is_not_asked() -> None:
    pod = a_downloading_pod(a_live_job())
    going = {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": "2026-11-24T08:00:00Z"}}
    of_an_older_operator = {**pod, "spec": {"containers": [{"name": "download"}]}}
    assert find_progress_url(pod) is not None
    assert find_progress_url(going) is None
    assert find_progress_url(of_an_older_operator) is None


NUMBERS = st.integers() | st.integers(0, 10) | st.floats() | st.none() | st.booleans() | st.text(max_size=3)
"""What may stand where a number should."""


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("bytes", "totalBytes", "percent", "bytesPerSecond", "etaSeconds"), NUMBERS)
    )
)
def test_whatever_numbers_come_a_progress_is_sound_or_refused(answer: dict[str, object]) -> None:
    try:
        told = ProgressAnswer.model_validate_json(json.dumps(answer))
    except ValidationError:
        return
    assert 0 <= told.bytes <= told.total_bytes <= MAX_NUMBER
    assert 0 <= told.bytes_per_second <= MAX_NUMBER
    assert told.eta_seconds is None or 0 <= told.eta_seconds <= MAX_NUMBER
