"""Progress over HTTP, for the operator and for Prometheus, while a download runs.

Nothing secret is in it, and nobody can change anything by it.
"""

import json
import logging
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

from nemotron_operator.downloader.progress import Meter

EVERY_INTERFACE = "::"
"""Where the server listens, for IPv4 too: the operator and Prometheus ask from other pods."""

REQUEST_SECONDS = 5
"""How long a connection may say nothing: it holds a thread."""

CONNECTIONS = 16
"""How many connections are held at once; others are closed. Whoever drips requests takes threads from nobody else."""

Request = socket.socket | tuple[bytes, socket.socket]
"""What the standard library's server calls a connection."""

logger = logging.getLogger(__name__)


@contextmanager
def served(meter: Meter, port: int | None, label: str, host: str = EVERY_INTERFACE) -> Iterator[int | None]:
    """Answer `GET /progress` and `GET /metrics` for as long as the context lasts; give the port.

    Parameters
    ----------
    port
        None or 0 serves nothing. One that cannot be had is a warning: the files matter more.
    label
        The repository, which the metrics name.
    """
    server = _listen_anywhere(meter, port, label, host) if port else None
    if server is None:
        yield None
        return
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="progress-server", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listen_anywhere(meter: Meter, port: int, label: str, host: str) -> "_Server | None":
    """Listen, for IPv4 alone where the kernel has no IPv6."""
    if host == EVERY_INTERFACE and not socket.has_dualstack_ipv6():
        host = "0.0.0.0"  # noqa: S104 - as EVERY_INTERFACE
    return _listen(meter, port, label, host)


def _listen(meter: Meter, port: int, label: str, host: str) -> "_Server | None":
    try:
        return _Server(meter, (host, port), label)
    except (OSError, OverflowError) as error:
        logger.warning("Progress is not served on port %d: %s.", port, error)
        return None


class _Server(ThreadingHTTPServer):
    """The socket, and what is told."""

    daemon_threads = True

    def __init__(self, meter: Meter, address: tuple[str, int], label: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        self.meter = meter
        self.label = label
        self._free = threading.Semaphore(CONNECTIONS)

    @override
    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    @override
    def process_request(self, request: Request, client_address: object) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    @override
    def process_request_thread(self, request: Request, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    """HTTP in, HTTP out."""

    server: _Server
    timeout = REQUEST_SECONDS

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the operator asks every few seconds."""

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/progress":
                self._send("application/json", json.dumps(self.server.meter.read().as_json()).encode())
            case "/metrics":
                self._send(*_render_metrics(self.server.meter, self.server.label))
            case _:
                self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, content_type: str, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _render_metrics(meter: Meter, label: str) -> tuple[str, bytes]:
    """Give the content type and the text of the metrics."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
    from prometheus_client.metrics_core import GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector

    class _Progress(Collector):
        @override
        def collect(self) -> Iterable[Metric]:
            progress = meter.read()
            for name, text, value in (
                ("bytes", "Bytes of the model that are on the volume.", progress.held_bytes),
                ("total_bytes", "Bytes of the model.", progress.total_bytes),
                ("bytes_per_second", "Rate at which bytes arrive.", progress.bytes_per_second),
            ):
                gauge = GaugeMetricFamily(f"nemotron_download_{name}", text, labels=["repository"])
                gauge.add_metric([label], value)
                yield gauge

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Progress())
    return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)
