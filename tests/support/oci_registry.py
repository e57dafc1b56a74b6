"""An OCI registry in memory, as much of one as pushing and pulling a chart takes."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.contents: dict[str, bytes] = {}
        """Blobs and manifests, by the path that asks for them."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._answer(202, headers={"Location": f"{urlsplit(self.path).path.rstrip('/')}/1"})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        url = urlsplit(self.path)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        wanted = parse_qs(url.query).get("digest", [digest])
        if wanted != [digest]:
            self._answer(400)
            return
        folder = re.sub(r"(blobs/)?uploads/.*|[^/]+$", "", url.path)
        if "uploads" in url.path:
            self.server.contents[f"{folder}blobs/{digest}"] = body
        else:
            self.server.contents |= {url.path: body, f"{folder}{digest}": body}
        self._answer(201, headers={"Docker-Content-Digest": digest, "Location": url.path})

    def do_GET(self) -> None:
        body = self.server.contents.get(urlsplit(self.path).path)
        if body is None:
            self._answer(200 if self.path == "/v2/" else 404)
            return
        kind = _MANIFEST if "/manifests/" in self.path else "application/octet-stream"
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._answer(200, body, {"Content-Type": kind, "Docker-Content-Digest": digest})

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serve_oci_registry() -> Iterator[str]:
    """Serve an empty registry; gives its address, without a scheme."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
