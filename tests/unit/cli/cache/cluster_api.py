"""An API server over HTTP that keeps objects, as far as the commands of `nemoctl` write any."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from nemotron_operator.cluster.kinds import ApiKind
from tests.support.memory_gateway import merge
from tests.unit.cli.api_server import ApiServer

Body = dict[str, Any]

PLURALS = frozenset(
    {"controllerrevisions", "deployments", "jobs", "nemotrondeployments", "persistentvolumeclaims", "pods"}
)
"""The kinds that are there."""

NO_RIGHT = 'it is forbidden: User "kim" cannot do that'
"""What is said to somebody who lacks a right."""

NOT_FOUND = (404, {"message": "not found"})


@dataclass
class ClusterApi:
    """Objects by their path; what a test does to them is what a cluster would do."""

    address: str = ""
    objects: dict[str, Body] = field(default_factory=dict)
    writes: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every write, in order."""
    managers: list[str] = field(default_factory=list)
    """Whom every patch named as the manager of its fields, in order."""
    before_patch: Callable[["ClusterApi", str], None] = lambda _api, _path: None
    """What somebody else does just before a patch comes in."""
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    """What is said to requests that are forbidden, by method and the plural of a kind."""
    after_write: Callable[["ClusterApi", str, Body], None] = lambda _api, _path, _body: None
    """What the cluster does of its own when an object was made or changed."""

    def put(self, kind: ApiKind, body: Body, namespace: str = "team") -> Body:
        """Put an object there, as anybody would."""
        name = body["metadata"]["name"]
        metadata = {"uid": f"uid-{name}", "namespace": namespace, "resourceVersion": "1", **body["metadata"]}
        stored = {**body, "metadata": metadata}
        self.objects[kind.path(namespace, name)] = stored
        return stored

    def get(self, kind: ApiKind, name: str, namespace: str = "team") -> Body | None:
        return self.objects.get(kind.path(namespace, name))

    def write_kubeconfig(self, path: Path) -> Path:
        return ApiServer(self.address).write_kubeconfig(path)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Body) -> tuple[int, Body]:
        """Answer one request."""
        plural = next((part for part in reversed(path.split("/")) if part in PLURALS), "")
        if refusal := self.refusals.get((method, plural)):
            return 403, {"message": refusal}
        if method != "GET" and "dryRun" not in query:
            self.writes.append((method, path))
        if method == "POST":
            return self._create(path, body)
        if path not in self.objects:
            return self._list(path, query) if method == "GET" and path.endswith(f"/{plural}") else NOT_FOUND
        match method:
            case "PATCH":
                return self._patch(path, query, body)
            case "DELETE":
                return self._delete(path, body)
            case _:
                return 200, self.objects[path]

    def _list(self, path: str, query: dict[str, list[str]]) -> tuple[int, Body]:
        root, _, rest = path.partition("/namespaces/")
        plural = path.rpartition("/")[2]
        wanted = [pair.split("=") for text in query.get("labelSelector", []) for pair in text.split(",")]
        inside = f"{root}/namespaces/{rest.split('/')[0]}/{plural}/" if rest else ""
        items = [
            body
            for known, body in self.objects.items()
            if (known.startswith(inside) if inside else known.split("/")[-2] == plural)
            and all((body["metadata"].get("labels") or {}).get(key) == value for key, value in wanted)
        ]
        return 200, {"metadata": {"resourceVersion": "1"}, "items": items}

    def _create(self, path: str, body: Body) -> tuple[int, Body]:
        place = f"{path}/{body['metadata']['name']}"
        if place in self.objects:
            return 409, {"message": f"{body['metadata']['name']!r} already exists"}
        metadata = {"uid": f"uid-{len(self.writes)}", "resourceVersion": "1", **body["metadata"]}
        return self._change(place, {**body, "metadata": metadata})

    def _change(self, path: str, body: Body) -> tuple[int, Body]:
        self.objects[path] = body
        self.after_write(self, path, body)
        return 200, body

    def _patch(self, path: str, query: dict[str, list[str]], patch: Body) -> tuple[int, Body]:
        self.before_patch(self, path)
        stored = self.objects[path]
        for guard in ("uid", "resourceVersion"):
            if patch["metadata"].get(guard) not in {None, stored["metadata"].get(guard)}:
                return 409, {"message": f"the {guard} differs: the object has been modified"}
        changed = merge(stored, patch)
        is_new_spec = changed.get("spec") != stored.get("spec")
        metadata = changed["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
        metadata["generation"] = metadata.get("generation", 1) + is_new_spec
        if "dryRun" in query:
            return 200, changed
        self.managers += query.get("fieldManager", [])
        return self._change(path, changed)

    def _delete(self, path: str, body: Body) -> tuple[int, Body]:
        if body.get("preconditions", {}).get("uid") != self.objects[path]["metadata"]["uid"]:
            return 409, {"message": "the uid in the precondition differs"}
        return 200, self.objects.pop(path)


@contextmanager
def run_cluster_api() -> Iterator[ClusterApi]:
    """Serve on a free port until the block ends."""
    api = ClusterApi()

    class Handler(_Handler):
        cluster = api

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    cluster: ClusterApi

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(content) if content else {}
        status, answer = self.cluster.answer(self.command, parts.path, parse_qs(parts.query), body)
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

    @override
    def log_message(self, *_: object) -> None:
        """Keep quiet."""
