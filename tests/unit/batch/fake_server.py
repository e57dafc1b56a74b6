"""A server on loopback that answers chats, and misbehaves on request."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

Body = dict[str, Any]


@dataclass
class FakeServer:
    """Answers by a function of how often a request came."""

    reply: Callable[[str, int], tuple[int, Body]] = lambda _text, _times: (200, {"choices": []})
    waiting: int = 0
    """How many requests wait in its queue, as its metrics say."""
    base_url: str = ""
    asked: list[str] = field(default_factory=list)
    """The last message of each request, in the order in which they came."""
    keys: set[str] = field(default_factory=set)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: Body, key: str) -> tuple[int, Body]:
        text = body["messages"][-1]["content"]
        with self._lock:
            self.asked.append(text)
            self.keys.add(key)
            times = self.asked.count(text)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self.reply(text, times)
        finally:
            with self._lock:
                self._now -= 1

    def render_metrics(self) -> str:
        return (
            "# TYPE vllm:num_requests_running gauge\n"
            'vllm:num_requests_running{engine="0",model_name="tiny"} 2.0\n'
            f'vllm:num_requests_waiting{{engine="0",model_name="tiny"}} {self.waiting}.0\n'
            f'vllm:num_requests_waiting{{engine="1",model_name="tiny"}} 1.0\n'
            'vllm:num_requests_waiting_by_reason{engine="0"} 77.0\n'
        )


@contextmanager
def serving(server: FakeServer, tls: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    """Serve on a free port until the block ends, over HTTPS with a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(200, server.render_metrics().encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = server.answer(body, self.headers.get("Authorization", ""))
            self.reply(status, json.dumps(answer).encode())

        def reply(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.base_url = f"http://127.0.0.1:{running.server_port}/v1"
    if tls is not None:
        running.socket = tls.wrap_socket(running.socket, server_side=True)
        server.base_url = f"https://localhost:{running.server_port}/v1"
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
