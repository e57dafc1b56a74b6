"""A forward proxy on this machine, as companies have one at their border: it notes what it is asked for."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from typing_extensions import override

PIECE_BYTES = 64 << 10


class ForwardProxy(ThreadingHTTPServer):
    """The proxy; `asked` has the method and the host of every request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about connections that ended."""


@contextmanager
def forward_proxy() -> Iterator[ForwardProxy]:
    proxy = ForwardProxy()
    threading.Thread(target=proxy.serve_forever, args=(0.01,), name="proxy", daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ForwardProxy

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_HEAD(self) -> None:
        self._pass_on()

    def do_GET(self) -> None:
        self._pass_on()

    def do_CONNECT(self) -> None:
        """Join both sides until one ends."""
        self.server.asked.append(("CONNECT", self.path))
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=30) as beyond:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(beyond, self.connection), daemon=True)
            back.start()
            _pump(self.connection, beyond)
            back.join()

    def _pass_on(self) -> None:
        url = urlsplit(self.path)
        self.server.asked.append((self.command, url.netloc))
        with closing(http.client.HTTPConnection(url.netloc, timeout=30)) as beyond:
            beyond.request(self.command, f"{url.path}?{url.query}", headers=dict(self.headers))
            answer = beyond.getresponse()
            self.send_response(answer.status)
            for key, value in answer.getheaders():
                self.send_header(key, value)
            self.end_headers()
            while piece := answer.read(PIECE_BYTES):
                self.wfile.write(piece)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
