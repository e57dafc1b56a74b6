"""An API server that answers what a test tells it to, and its kubeconfig."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from typing_extensions import override

from nemotron_operator.cluster.kinds import NEMOTRON


@dataclass
class ApiServer:
    """Answers by path; what is not there is a 404, as for a kind that is not installed."""

    address: str
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)

    def hold(self, *bodies: dict[str, Any], namespace: str = "team") -> None:
        """Install the kind, with these resources."""
        for scope in (namespace, None):
            listed = {"metadata": {"resourceVersion": "1"}, "items": list(bodies)}
            self.answers[NEMOTRON.path(scope)] = (200, listed)
        for body in bodies:
            self.answers[NEMOTRON.path(namespace, body["metadata"]["name"])] = (200, body)

    def refuse(self, status: int, message: str, namespace: str = "team") -> None:
        """Answer every list with an error."""
        for scope in (namespace, None):
            self.answers[NEMOTRON.path(scope)] = (status, {"kind": "Status", "message": message})

    def write_kubeconfig(self, path: Path, namespace: str | None = "team") -> Path:
        context = {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "main",
            "contexts": [
                {"name": "main", "context": context},
                {"name": "other", "context": {**context, "namespace": "elsewhere"}},
            ],
            "clusters": [{"name": "c", "cluster": {"server": self.address}}],
            "users": [{"name": "u", "user": {"token": "secret"}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path


@contextmanager
def run_api_server() -> Iterator[ApiServer]:
    """Serve on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    _Handler.api = ApiServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield _Handler.api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    api: ApiServer

    def do_GET(self) -> None:
        path = self.path.split("?", maxsplit=1)[0]
        status, body = self.api.answers.get(path, (404, {"message": "404 page not found"}))
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, *_: object) -> None:
        """Keep quiet."""
