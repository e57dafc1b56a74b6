"""Every request to the API server is counted, also one that nobody answers."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from nemotron_operator.cluster import gateway
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import LEASE, NODE
from nemotron_operator.errors import ClusterUnreachableError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

Told = list[tuple[str, str, int | str]]


@asynccontextmanager
async def a_gateway(port: int, told: Told) -> AsyncIterator[ClusterGateway]:
    client = ApiClient(Configuration(host=f"http://127.0.0.1:{port}"))
    made = ClusterGateway(client, report_request=lambda *request: told.append(request))
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def a_server(answer: bytes) -> AsyncIterator[int]:
    """Serve an answer, or read requests without one."""
    connections: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError):  # its time may be over before it has asked
            await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if not answer:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*(each for each in connections if each is not None))


async def test_an_answered_request_is_counted_with_its_code() -> None:
    told: Told = []
    async with a_server(ANSWER) as port, a_gateway(port, told) as asking:
        await asking.get(NODE, "", "h100-0")
    assert [("GET", "Node", 200)] == told


async def test_a_request_that_nobody_answers_in_time_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "REQUEST_TIMEOUT_SECONDS", 0.1)
    told: Told = []
    async with a_server(b"") as port, a_gateway(port, told) as asking:
        with pytest.raises(ClusterUnreachableError):
            await asking.try_list(NODE, None)
    assert [("LIST", "Node", "timeout")] == told


async def test_a_request_to_where_nobody_listens_is_counted() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        told: Told = []
        async with a_gateway(free.getsockname()[1], told) as asking:
            with pytest.raises(ClusterUnreachableError):
                await asking.get(NODE, "", "h100-0")
    assert [("GET", "Node", "unreachable")] == told


async def test_a_request_that_is_given_up_is_counted() -> None:
    """The Lease is waited for less long than a request may take."""
    told: Told = []
    async with a_server(b"") as port, a_gateway(port, told) as asking:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asking.get(LEASE, "platform", "nemotron-operator")
    assert [("GET", "Lease", "cancelled")] == told
