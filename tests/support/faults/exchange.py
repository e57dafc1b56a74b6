"""One request of the operator, and what can be done with it."""

import re
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

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


def verb_of(request: web.Request) -> str:
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
