"""The count of lost questions counts: what the load generator of the node tier makes of answers that are not whole."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import override

from tests.support.steady_load import Question, SteadyLoad

TOKENS = 4


def chunk(finish_reason: str | None, tokens: int | None = None) -> bytes:
    """Write one event of a stream."""
    choices = [] if tokens is not None else [{"delta": {"content": "a"}, "finish_reason": finish_reason}]
    usage = {"completion_tokens": tokens} if tokens is not None else None
    return f"data: {json.dumps({'choices': choices, 'usage': usage})}\n\n".encode()


def answer(finish_reason: str, tokens: int) -> bytes:
    """Write a whole answer."""
    choice = {"message": {"content": "a" * tokens}, "finish_reason": finish_reason}
    return json.dumps({"choices": [choice], "usage": {"completion_tokens": tokens}}).encode()


@contextmanager
def serve(reply: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Answer every question of the block in one way."""

    class Engine(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            reply(self)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Engine) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def send(
    content: bytes, status: int = 200, promised_bytes: int | None = None
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Make an answer, which may promise more than it holds."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content) if promised_bytes is None else promised_bytes))
        handler.end_headers()
        handler.wfile.write(content)

    return reply


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def ask(url: str, *, is_streamed: bool = False) -> SteadyLoad:
    """Ask at least once."""
    with SteadyLoad(url, "tiny", [Question(TOKENS, is_streamed=is_streamed)]) as load:
        pass
    return load


WHOLE_STREAM = chunk(None) * TOKENS + chunk("length") + chunk(None, TOKENS)


@pytest.mark.parametrize(
    ("content", "is_streamed"),
    [(answer("length", TOKENS), False), (WHOLE_STREAM + b"data: [DONE]\n\n", True)],
)
def test_a_whole_answer_is_not_lost(content: bytes, *, is_streamed: bool) -> None:
    with serve(send(content)) as url:
        load = ask(url, is_streamed=is_streamed)
    assert [""] == [outcome.problem for outcome in load.outcomes]
    assert [] == [*load.list_lost(), *load.list_refused()]


@pytest.mark.parametrize(
    ("reply", "is_streamed", "words"),
    [
        pytest.param(send(answer("abort", TOKENS)), False, "abort", id="aborted"),
        pytest.param(send(answer("length", TOKENS - 1)), False, "3 of 4 tokens", id="too short"),
        pytest.param(send(b"it ends", status=500), False, "HTTP 500: b'it ends'", id="refused by the engine"),
        pytest.param(send(answer("length", TOKENS)[:9], promised_bytes=99), False, "IncompleteRead", id="cut off"),
        pytest.param(send(WHOLE_STREAM), True, "None of 4 tokens", id="stream without an end"),
        pytest.param(hang_up, False, "RemoteDisconnected", id="hung up"),
    ],
)
def test_what_was_accepted_and_not_answered_whole_is_lost(
    reply: Callable[[BaseHTTPRequestHandler], None], words: str, *, is_streamed: bool
) -> None:
    with serve(reply) as url:
        load = ask(url, is_streamed=is_streamed)
    (lost,) = load.list_lost()
    assert words in lost
    assert [] == load.list_refused()


def test_what_nobody_takes_is_refused_and_not_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    load = ask(f"http://127.0.0.1:{port}")
    (refused,) = load.list_refused()
    assert "ConnectionRefusedError" in refused
    assert [] == load.list_lost()
