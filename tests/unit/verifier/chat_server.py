"""A server on loopback that speaks the streaming chat API, and misbehaves on request."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""How one request is answered."""


@dataclass
class ChatServer:
    """Answers one request after the other by its replies; the last one goes on for ever."""

    replies: list[Reply]
    base_url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        self.paths.append(request.path)
        reply = self.replies[min(len(self.bodies), len(self.replies)) - 1]
        return await reply(request)


@asynccontextmanager
async def chat_server(
    *replies: Reply, metrics: Reply | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ChatServer]:
    """Serve on a free port of loopback, with metrics if there are some, and over HTTPS with a certificate."""
    server = ChatServer(list(replies))
    application = web.Application()
    application.router.add_post("/v1/chat/completions", server.handle)
    application.router.add_post("/v1/completions", server.handle)
    if metrics is not None:
        application.router.add_get("/metrics", metrics)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
    server.base_url = f"{scheme}://{host}:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


def chunk(content: str | None = None, finish_reason: str | None = None, **delta: str) -> dict[str, Any]:
    """Make one chunk as vLLM sends it."""
    spoken = delta if content is None else {"content": content, **delta}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "nemotron",
        "choices": [{"index": 0, "delta": spoken, "logprobs": None, "finish_reason": finish_reason}],
    }


def usage(tokens: int) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": tokens}}


def event(content: dict[str, Any] | str) -> bytes:
    text = content if isinstance(content, str) else json.dumps(content)
    return f"data: {text}\n\n".encode()


def say(*words: str, pause_seconds: float = 0.0, first_seconds: float = 0.0) -> Reply:
    """Answer with these words, one token each."""
    chunks = [chunk("", role="assistant"), *(chunk(word) for word in words), chunk("", "stop"), usage(len(words))]
    return stream(*map(event, chunks), event("[DONE]"), pauses=(first_seconds, pause_seconds))


def stream(*parts: bytes, pauses: tuple[float, float] = (0.0, 0.0), breaks_off: bool = False) -> Reply:
    """Send these bytes; the pauses are those before the first token and before each other part."""

    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for number, part in enumerate(parts):
            if number:
                await asyncio.sleep(pauses[0] if number == 1 else pauses[1])
            await response.write(part)
        if breaks_off and request.transport is not None:
            request.transport.abort()
        return response

    return reply


def refuse(status: int, text: str = "", **headers: str) -> Reply:
    """Answer with an HTTP status and these words."""

    async def reply(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0)
        return web.Response(status=status, text=text, headers=headers)

    return reply


NO_CHAT_TEMPLATE = refuse(
    400,
    json.dumps(
        {
            "error": {
                "message": "As of transformers v4.44, default chat template is no longer allowed, so you must provide "
                "a chat template if the tokenizer does not define one.",
                "type": "BadRequestError",
                "code": 400,
            }
        }
    ),
)
"""How vLLM refuses to chat with a base model."""


def go_on(*words: str) -> Reply:
    """Go on from a prompt with these words, as vLLM does where nobody chats."""
    chunks = [{"choices": [{"index": 0, "text": word, "finish_reason": None}]} for word in words]
    return stream(*map(event, [*chunks, usage(len(words))]), event("[DONE]"))


def write(text: str) -> Reply:
    """Answer with this text."""

    async def reply(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0)
        return web.Response(text=text)

    return reply
