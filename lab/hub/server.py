"""The sockets of a hub: HTTP in, HTTP out."""

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import override

from lab.hub.messages import Answer, SeenRequest


class HubServer(ThreadingHTTPServer):
    """A server that asks somebody else for every answer, and for the pieces of its body."""

    daemon_threads = True

    def __init__(
        self,
        answer_to: Callable[[SeenRequest], Answer],
        pieces: Callable[[Answer], Iterator[bytes | memoryview]],
        host: str,
    ) -> None:
        super().__init__((host, 0), _Handler)
        self.answer_to = answer_to
        self.pieces = pieces
        self.connections: set[socket.socket] = set()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about clients that went away: tests kill them."""

    def close_connections(self) -> None:
        """End the connections that clients keep for later."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart: without it a small file waits for an ACK
    server: HubServer

    @override
    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    @override
    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the hub's `requests` say more."""

    def do_HEAD(self) -> None:
        self._send_head(self.server.answer_to(self._read()))

    def do_GET(self) -> None:
        answer = self.server.answer_to(self._read())
        self._send_head(answer)
        sent_bytes = 0
        for piece in self.server.pieces(answer):
            self.wfile.write(piece)
            sent_bytes += len(piece)
        is_whole = sent_bytes == len(answer.body) + answer.misstated_bytes
        self.close_connection = self.close_connection or not is_whole

    def _read(self) -> SeenRequest:
        parts = urlsplit(self.path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        last_byte = int(last) if last else None
        return SeenRequest(self.command, unquote(parts.path), parse_qs(parts.query), token, int(first), last_byte)

    def _send_head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(answer.body) + answer.misstated_bytes))
        self.end_headers()
