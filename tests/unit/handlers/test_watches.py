"""The session of kopf's watches: what begins one is counted, answered or not, and a list that comes first is told."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from nemotron_operator.cluster.connection import Credentials
from nemotron_operator.cluster.kinds import LEADER_WORKER_SET, NEMOTRON, POD, ApiKind
from nemotron_operator.handlers.watches import Watching, open_session


@dataclass
class Told:
    """What the session tells."""

    requests: list[tuple[str, str, int | str]] = field(default_factory=list)
    listings: int = 0

    def watching(self) -> Watching:
        return Watching(lambda *_: None, self._count_listing, lambda *request: self.requests.append(request))

    def _count_listing(self) -> None:
        self.listings += 1


@asynccontextmanager
async def a_server(status: int) -> AsyncIterator[str]:
    """Answer everything with a status; nothing at all where that is 0."""

    async def answer(_: web.Request) -> web.Response:
        if not status:
            await asyncio.Event().wait()
        return web.Response(status=status)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@asynccontextmanager
async def a_session(server: str, told: Told) -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session(Credentials(server, None, None, None, "token", insecure=False), told.watching()) as session:
        yield session


async def get(server: str, told: Told, path: str, query: str = "watch=true") -> None:
    async with a_session(server, told) as session, session.get(f"{server}{path}?{query}"):
        pass


@pytest.mark.parametrize("kind", [NEMOTRON, POD, LEADER_WORKER_SET], ids=lambda kind: kind.name)
@pytest.mark.parametrize("namespace", [None, "team-a"], ids=["all", "one"])
@pytest.mark.parametrize("status", [200, 401, 503])
async def test_a_watch_is_counted_with_its_kind_and_code(status: int, namespace: str | None, kind: ApiKind) -> None:
    told = Told()
    async with a_server(status) as server:
        await get(server, told, kind.path(namespace))
    assert [("WATCH", kind.name, status)] == told.requests


async def test_a_watch_behind_a_path_of_the_server_is_counted() -> None:
    told = Told()
    async with a_server(200) as server:
        await get(server, told, f"/clusters/a{POD.path('team-a')}")
    assert [("WATCH", "Pod", 200)] == told.requests


async def test_a_watch_that_nobody_answers_in_time_is_counted() -> None:
    told = Told()
    async with a_server(0) as server:
        with pytest.raises(TimeoutError):
            async with a_session(server, told) as session:
                await session.get(f"{server}{POD.path(None)}?watch=true", timeout=aiohttp.ClientTimeout(total=0.1))
    assert [("WATCH", "Pod", "timeout")] == told.requests


async def test_a_watch_to_where_nobody_listens_is_counted() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{free.getsockname()[1]}"
    told = Told()
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(server, told, POD.path(None))
    assert [("WATCH", "Pod", "unreachable")] == told.requests


async def test_a_watch_that_is_ended_before_its_answer_is_no_failure() -> None:
    told = Told()
    async with a_server(0) as server:
        watching = asyncio.create_task(get(server, told, POD.path(None)))
        await asyncio.sleep(0.1)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert [] == told.requests


@pytest.mark.parametrize(
    ("path", "query"),
    [("/apis/apps/v1", ""), (POD.path(None), "limit=500"), ("/api/v1/namespaces", "watch=true"), ("/x", "watch=true")],
    ids=["discovery", "a list", "namespaces", "another kind"],
)
async def test_what_watches_none_of_the_operators_kinds_is_not_counted(path: str, query: str) -> None:
    told = Told()
    async with a_server(200) as server:
        await get(server, told, path, query)
    assert [] == told.requests


@pytest.mark.parametrize(
    ("query", "status", "listings"),
    [
        ("watch=true&sendInitialEvents=true", 200, 1),
        ("watch=true&sendInitialEvents=true", 403, 0),
        ("watch=true", 200, 0),
    ],
    ids=["anew", "refused", "going on"],
)
async def test_a_watch_that_begins_with_a_list_is_told(query: str, status: int, listings: int) -> None:
    told = Told()
    async with a_server(status) as server:
        await get(server, told, POD.path(None), query)
    assert listings == told.listings
