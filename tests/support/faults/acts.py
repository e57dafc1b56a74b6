"""How an API server, or what stands before it, can misbehave: what is done to a request instead of passing it on."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress

import aiohttp
from aiohttp import web

from tests.support.faults.exchange import Act, Exchange


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
