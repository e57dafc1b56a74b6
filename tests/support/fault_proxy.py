"""A reverse proxy before the real API server that misbehaves on request: what to hit, how often and how is a rule.

Plain HTTP on the operator's side, so that nobody has to trust it; the token of the operator is passed on. What a rule
does depends on the order of requests alone, never on time.
"""

import asyncio
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

WRITES = "create|update|patch|delete"
"""Matches the verbs that change something."""

LONGEST_LINE = 2**23
"""A watch sends an object in one line, and aiohttp refuses longer ones than it was told of."""

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

_PASSED_HEADERS = ("Accept", "Authorization", "Content-Type", "User-Agent")


@dataclass(frozen=True)
class Seen:
    """A request that came in."""

    verb: str
    """As in a role: get, list, watch, create, update, patch, delete."""
    path: str

    def matches(self, verb: str, path: str) -> bool:
        """Tell whether the verb is the one of a pattern, and a pattern is in the path."""
        return re.fullmatch(verb, self.verb) is not None and re.search(path, self.path) is not None


@dataclass(frozen=True)
class Exchange:
    """One request, and the way to the API server."""

    request: web.Request
    body: bytes
    server: str
    session: aiohttp.ClientSession

    def ask(self) -> Any:  # noqa: ANN401 - aiohttp's context manager has no public name
        """Send the request to the API server; a context manager of its answer."""
        headers = {name: self.request.headers[name] for name in _PASSED_HEADERS if name in self.request.headers}
        headers["Accept-Encoding"] = "identity"
        url = URL(self.server + self.request.raw_path, encoded=True)
        return self.session.request(self.request.method, url, headers=headers, data=self.body or None)

    async def open_stream(self, status: int = 200) -> web.StreamResponse:
        """Begin an answer that comes piece by piece."""
        stream = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
        await stream.prepare(self.request)
        return stream

    async def reset(self) -> web.StreamResponse:
        """Break the connection as a crashed server does."""
        if self.request.transport is not None:
            end: socket.socket = self.request.transport.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.transport.abort()
        return web.Response()  # nobody receives it


Act = Callable[[Exchange], Awaitable[web.StreamResponse]]
"""What to do with a request instead of passing it on."""


@dataclass(eq=False)
class Rule:
    """What happens to which requests; the first rule that takes a request decides."""

    act: Act
    verb: str = ".*"
    path: str = ""
    times: int | None = 1
    """How many requests it takes; None for all of them, until it is removed."""
    skip: int = 0
    """How many requests it lets pass before."""
    hits: int = 0
    """How many requests it took."""

    def take(self, seen: Seen) -> bool:
        """Tell whether this request is meant; called once for each request that no earlier rule took."""
        if not seen.matches(self.verb, self.path) or (self.times is not None and self.hits >= self.times):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.hits += 1
        return True


async def pass_on(exchange: Exchange) -> web.StreamResponse:
    """Do what every proxy does."""
    async with exchange.ask() as answer:
        return await _copy(exchange, answer)


def refuse(status: int, headers: Mapping[str, str] | None = None) -> Act:
    """Answer with an error, in the form of the API server."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "made by a test"}
    return answer_with(status, json.dumps(body), "application/json", headers)


def answer_with(
    status: int, body: str, content_type: str = "text/html", headers: Mapping[str, str] | None = None
) -> Act:
    """Answer with this body, whatever was asked."""

    async def act(_: Exchange) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type=content_type, headers=headers)

    return act


def send_error_event(code: int | None) -> Act:
    """Open the watch, send an event of the type ERROR, and end."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "made by a test"}
    event = {"type": "ERROR", "object": status if code is None else {**status, "code": code}}
    return _send(json.dumps(event).encode() + b"\n")


def cut_in_mid_json() -> Act:
    """Open the watch and end it cleanly in the middle of a line, as a load balancer does that shuts down."""
    return _send(b'{"type":"MODIFIED","object":{"apiVersion":"v1","metad')


def _send(text: bytes) -> Act:
    async def act(exchange: Exchange) -> web.StreamResponse:
        stream = await exchange.open_stream()
        await stream.write(text)
        return stream

    return act


async def reset(exchange: Exchange) -> web.StreamResponse:
    """Break the connection; the API server hears nothing of the request."""
    return await exchange.reset()


async def lose_reply(exchange: Exchange) -> web.StreamResponse:
    """Let the API server do what was asked, and break the connection instead of telling."""
    async with exchange.ask() as answer:
        await answer.read()
    return await exchange.reset()


async def truncate_reply(exchange: Exchange) -> web.StreamResponse:
    """Let the API server do what was asked, and answer with the first half of what it said."""
    async with exchange.ask() as answer:
        body = await answer.read()
    return web.Response(status=answer.status, body=body[: len(body) // 2], content_type="application/json")


async def stay_silent(exchange: Exchange) -> web.StreamResponse:
    """Open the answer, and never say anything."""
    stream = await exchange.open_stream()
    with suppress(asyncio.CancelledError):  # as below
        await asyncio.Event().wait()
    return stream


def delay(seconds: float) -> Act:
    """Pass on, late."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await pass_on(exchange)

    return act


def drop_event(event_type: str) -> Act:
    """Pass a watch on without its first event of a type."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        dropped: list[bytes] = []

        def is_kept(line: bytes) -> bool:
            if dropped or json.loads(line)["type"] != event_type:
                return True
            dropped.append(line)
            return False

        async with exchange.ask() as answer:
            return await _copy(exchange, answer, is_kept)

    return act


async def _copy(
    exchange: Exchange, answer: aiohttp.ClientResponse, is_kept: Callable[[bytes], bool] = lambda _: True
) -> web.StreamResponse:
    """Send an answer on, line by line: a watch has no end to wait for."""
    headers = {name: answer.headers[name] for name in ("Content-Type", "Retry-After") if name in answer.headers}
    stream = web.StreamResponse(status=answer.status, headers=headers)
    await stream.prepare(exchange.request)
    with suppress(asyncio.CancelledError):  # told to end, or the client went: what was begun is ended well
        async for line in answer.content:
            if is_kept(line):
                await stream.write(line)
    return stream


@dataclass(eq=False)
class FaultProxy:
    """The proxy, in a thread of its own from `with` to its end.

    Parameters
    ----------
    kubeconfig
        Names the API server and its certificate authority.
    """

    kubeconfig: Path
    url: str = ""
    """Where it listens."""
    rules: list[Rule] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    _loop: asyncio.AbstractEventLoop = field(init=False, default_factory=asyncio.new_event_loop)
    _watches: dict[asyncio.Task[web.StreamResponse], Seen] = field(init=False, default_factory=dict)

    def add(self, act: Act, **match: Any) -> Rule:  # noqa: ANN401 - the fields of a rule
        """Add a rule, after those that are there."""
        rule = Rule(act, **match)
        self.rules.append(rule)
        return rule

    def count(self, verb: str, path: str = "") -> int:
        """Count the requests that came in, refused ones too."""
        return sum(seen.matches(verb, path) for seen in list(self.seen))

    def count_open_watches(self, path: str = "") -> int:
        """Count the watches that are open now."""
        return sum(re.search(path, seen.path) is not None for seen in list(self._watches.values()))

    def end_watches(self, path: str = "") -> None:
        """End open watches as an API server does whose time-out has come: the client comes back at once."""

        async def end() -> None:
            watches = [task for task, seen in self._watches.items() if re.search(path, seen.path)]
            for task in watches:
                task.cancel()
            await asyncio.wait(watches)

        self._run(end())

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy")
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _start(self) -> None:
        cluster = yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]
        self._server = cluster["server"]
        trust = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=LONGEST_LINE,
        )
        app = web.Application(client_max_size=LONGEST_LINE)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(_verb_of(request), request.path)
        self.seen.append(seen)
        exchange = Exchange(request, await request.read(), self._server, self._session)
        act = next((rule.act for rule in self.rules if rule.take(seen)), pass_on)
        if seen.verb != "watch":
            return await _answer(act, exchange)
        task = asyncio.ensure_future(_answer(act, exchange))
        self._watches[task] = seen
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()  # the client went
            del self._watches[task]
        return await exchange.reset() if task.cancelled() else task.result()


async def _answer(act: Act, exchange: Exchange) -> web.StreamResponse:
    try:
        return await act(exchange)
    except aiohttp.ClientError:  # what happens on the way to the API server happens on this way too
        return await exchange.reset()


def _verb_of(request: web.Request) -> str:
    if request.method != "GET":
        return _VERBS[request.method]
    if request.query.get("watch") == "true":
        return "watch"
    return "list" if _names_collection(request.path) else "get"


def _names_collection(path: str) -> bool:
    """Tell a collection from an object: /api/v1/pods and /apis/apps/v1/namespaces/default/deployments are ones."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if len(rest) > 2 and rest[0] == "namespaces":
        rest = rest[2:]
    return len(rest) == 1
