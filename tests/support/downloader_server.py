"""A server on loopback that plays a running downloader, and misbehaves on request."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

from tests.support.fixtures.live_objects import a_live_pod, controlled_by

Reply = Callable[[BaseHTTPRequestHandler], None]
"""How a request is answered."""

TOTAL_BYTES = 72_685_000_000
"""What the first model holds on disk, in bytes."""


def a_progress(percent: int, **fields: object) -> dict[str, Any]:
    """Tell a progress as the downloader does."""
    held_bytes = TOTAL_BYTES * percent // 100
    left_seconds = (TOTAL_BYTES - held_bytes) // 480_000_000
    told = {"bytes": held_bytes, "totalBytes": TOTAL_BYTES, "percent": percent, "bytesPerSecond": 480_000_000}
    return {**told, "etaSeconds": left_seconds, **fields}


def say(content: str | bytes | dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Answer with this content."""
    text = json.dumps(content) if isinstance(content, dict) else content
    body = text.encode() if isinstance(text, str) else text

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


@dataclass
class PlayedDownloader:
    """Answers every request by its reply, which a test may change."""

    reply: Reply
    host: str = "127.0.0.1"
    port: int = 0
    paths: list[str] = field(default_factory=list)
    """The paths that were asked for."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set at the end, so that a reply without end has one."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/progress"

    @contextmanager
    def serve(self) -> Iterator["PlayedDownloader"]:
        """Serve at the host's port; with 0 the system chooses one, which stands in `port` then."""
        played = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                played.paths.append(self.path)
                try:
                    played.reply(self)
                except ConnectionError:
                    self.close_connection = True  # whoever asked has heard enough

            @override
            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer((self.host, self.port), Handler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                self.stopped.set()
                server.shutdown()
                thread.join()


def a_downloading_pod(
    job: dict[str, Any], address: str = "127.0.0.1", port: int = 8001, phase: str = "Running"
) -> dict[str, Any]:
    """Report the pod of a cache Job that tells its progress at this address."""
    owner = controlled_by(job["metadata"]["name"], job["metadata"]["uid"], "Job")
    pod = a_live_pod("cache-x", component="cache", phase=phase, owner=owner)
    container = {"name": "download", "ports": [{"name": "progress", "containerPort": port}]}
    return {**pod, "spec": {"containers": [container]}, "status": {**pod["status"], "podIP": address}}
