"""Over a real socket on the loopback interface."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from nemotron_operator.runtime.http_server import HttpServer
from nemotron_operator.runtime.metrics import Metrics


@dataclass
class State:
    unhealthy: str | None = None
    unready: str | None = None


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
async def server(state: State) -> AsyncIterator[HttpServer]:
    server = HttpServer(
        "127.0.0.1",
        0,
        healthy=lambda: state.unhealthy,
        ready=lambda: state.unready,
        registry=Metrics().registry,
    )
    await server.start()
    yield server
    await server.stop()


async def get(server: HttpServer, path: str, accept: str = "*/*") -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession(headers={"Accept": accept}) as session,
        session.get(f"http://127.0.0.1:{server.port}{path}") as response,
    ):
        return response.status, response.headers["Content-Type"], await response.text()


async def test_a_process_with_nothing_wrong_is_healthy_and_ready(server: HttpServer) -> None:
    fine = (200, "text/plain; charset=utf-8", "ok")
    assert [fine, fine] == [await get(server, "/healthz"), await get(server, "/readyz")]


async def test_what_is_wrong_stands_in_the_answer(server: HttpServer, state: State) -> None:
    state.unhealthy = "The event loop is 6.0 s late; 5.0 s is the limit."
    state.unready = "The first list of Deployments has not come yet."
    assert (503, "text/plain; charset=utf-8", state.unhealthy) == await get(server, "/healthz")
    assert (503, "text/plain; charset=utf-8", state.unready) == await get(server, "/readyz")


async def test_an_unready_process_may_be_healthy(server: HttpServer, state: State) -> None:
    state.unready = "Not yet."
    status, _, _ = await get(server, "/healthz")
    assert 200 == status


async def test_metrics_come_in_prometheus_text_by_default(server: HttpServer) -> None:
    status, content_type, text = await get(server, "/metrics")
    assert (200, "text/plain; version=0.0.4; charset=utf-8") == (status, content_type)
    assert "nemotron_operator_workqueue_depth 0.0\n" in text


async def test_metrics_come_in_openmetrics_to_those_who_ask(server: HttpServer) -> None:
    status, content_type, text = await get(server, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert 200 == status
    assert content_type.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert text.endswith("# EOF\n")


async def test_there_is_nothing_else(server: HttpServer) -> None:
    status, _, _ = await get(server, "/")
    assert 404 == status


async def test_a_stopped_server_listens_no_more(server: HttpServer) -> None:
    await server.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(server, "/healthz")


async def test_stopping_a_server_that_never_started_is_harmless() -> None:
    server = HttpServer("127.0.0.1", 0, healthy=lambda: None, ready=lambda: None, registry=Metrics().registry)
    await server.stop()
