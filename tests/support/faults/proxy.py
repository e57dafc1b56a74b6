"""A reverse proxy before the real API server that misbehaves on request: what to hit, how often and how is a rule.

Plain HTTP on the operator's side, so that nobody has to trust it; the token of the operator is passed on. What a rule
does depends on the order of requests alone, never on time.
"""

import asyncio
import re
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web

from tests.support.faults.acts import pass_on
from tests.support.faults.exchange import Act, Exchange, Seen, verb_of

LONGEST_LINE = 2**23
"""A watch sends an object in one line, and aiohttp refuses longer ones than it was told of."""


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
        seen = Seen(verb_of(request), request.path)
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
