"""Runtime: `/healthz`, `/readyz` and `/metrics` over HTTP.

Our own server and not kopf's: it answers whether kopf runs or not, and an answer never waits for a retry.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

Check = Callable[[], str | None]
"""Says what is wrong in a sentence, or None when nothing is. Must be quick: a probe waits for it."""

SHUTDOWN_SECONDS = 1.0
"""How long an answer that is under way may delay the end of the process."""


class HttpServer:
    """Serve the process's own state. It has no secrets, and nothing in it can be changed from outside."""

    def __init__(self, host: str, port: int, healthy: Check, ready: Check, registry: CollectorRegistry) -> None:
        self.host = host
        self.port = port
        """The port to listen on. With 0 the system chooses one, which stands here after `start`."""
        self._registry = registry
        app = web.Application()
        app.router.add_get("/healthz", _probe(healthy))
        app.router.add_get("/readyz", _probe(ready))
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    async def start(self) -> None:
        """Listen, and return when requests are answered."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port and every connection. Harmless when not started, and twice."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})


def _probe(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        problem = check()
        return web.Response(text="ok") if problem is None else web.Response(status=503, text=problem)

    return answer
