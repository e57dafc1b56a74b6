"""An engine on loopback, as far as the probe sees one: /health, /metrics and completions that behave as told."""

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_PAGE = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0",model_name="tiny"}} {running}
vllm:num_requests_waiting{{engine="0",model_name="tiny"}} 0.0
vllm:num_requests_waiting_by_reason{{engine="0",model_name="tiny",reason="capacity"}} 0.0
vllm:kv_cache_usage_perc{{engine="0",model_name="tiny"}} {kv_usage}
vllm:iteration_tokens_total_bucket{{engine="0",le="1.0",model_name="tiny"}} {steps}
vllm:iteration_tokens_total_count{{engine="0",model_name="tiny"}} {steps}
vllm:iteration_tokens_total_sum{{engine="0",model_name="tiny"}} {steps}
"""


@dataclass
class FakeEngine:
    """What it shows; a test changes the fields while it runs."""

    port: int
    health: int = HTTPStatus.OK
    running: int = 0
    steps: int = 0
    kv_usage: float = 0.0
    tells_stats: bool = True
    filters: bool = True
    """Whether it gives single metrics when asked for them; vLLM does not with several API servers."""
    whole_page: str = ""
    """What /metrics shows, where the numbers do not matter."""
    completion: int = HTTPStatus.OK
    api_key: str = ""
    answers: threading.Event = field(default_factory=threading.Event)
    """While it is not set, completions are held back."""
    shows: threading.Event = field(default_factory=threading.Event)
    """While it is not set, /health and /metrics are held back."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    most_at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _under_way: int = 0

    def page(self, path: str) -> str:
        """Make what /metrics shows: all, or the metrics whose names are asked for."""
        values = {"running": self.running, "kv_usage": self.kv_usage, "steps": float(self.steps)}
        page = self.whole_page or (_PAGE.format(**values) if self.tells_stats else "python_info 1.0\n")
        names = parse_qs(urlsplit(path).query).get("name[]")
        if names is None:
            return page
        lines = page.splitlines(keepends=True)
        return "".join(line for line in lines if self.filters and re.split(r"[{ ]", line)[0] in names)

    def complete(self, body: dict[str, Any], authorization: str) -> tuple[int, str]:
        self.bodies.append(body)
        if self.api_key and authorization != f"Bearer {self.api_key}":
            return HTTPStatus.UNAUTHORIZED, '{"error": "Unauthorized"}'
        with self._lock:
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        self.answers.wait()
        with self._lock:
            self._under_way -= 1
        if self.completion != HTTPStatus.OK:
            return self.completion, '{"error": {"message": "EngineCore encountered an issue."}}'
        self.steps += 1
        return HTTPStatus.OK, json.dumps({"choices": [{"text": " there", "finish_reason": "length"}]})


@contextmanager
def serving(engine: FakeEngine, tls: ssl.SSLContext | None = None, *, answers: bool = True) -> Iterator[FakeEngine]:
    """Serve on the engine's port, over HTTPS with a certificate, and refuse connections afterwards.

    Without answers, completions are held back until the engine's event is set.
    """
    if answers:
        engine.answers.set()
    else:
        engine.answers.clear()
    engine.shows.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            engine.paths.append(self.path)
            engine.shows.wait()
            if self.path == "/health":
                self._answer(engine.health, "")
            else:
                self._answer(HTTPStatus.OK, engine.page(self.path))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*engine.complete(body, self.headers.get("Authorization", "")))

        def _answer(self, status: int, text: str) -> None:
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    server = ThreadingHTTPServer(("127.0.0.1", engine.port), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield engine
    finally:
        engine.answers.set()
        engine.shows.set()
        server.shutdown()
        server.server_close()
        thread.join()
