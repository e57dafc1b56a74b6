"""The custom metrics API of a cluster, served by the test itself: what an adapter for Prometheus would say."""

import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typing_extensions import override

from lab.bring_up import apply
from lab.control_plane import ControlPlane
from tests.support.certificates import sign
from tests.support.cluster import wait_until

_ROOT = "/apis/custom.metrics.k8s.io/v1beta2"

_API_SERVICE = "v1beta2.custom.metrics.k8s.io"

_NAMESPACE = "custom-metrics"

_OF_PODS = re.compile(rf"{_ROOT}/namespaces/([^/]+)/pods/\*/([^/]+)")


class CustomMetrics:
    """Values of pods, by namespace and metric; a metric without any is not known."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], Mapping[str, str]] = {}

    def tell(self, namespace: str, metric: str, values: Mapping[str, str]) -> None:
        """Tell the value of each pod from now on."""
        self._values[namespace, metric] = dict(values)

    def answer(self, path: str) -> dict[str, Any] | None:
        """Answer as the API does; None for what it does not know."""
        if path == _ROOT:
            return self._list_resources()
        asked = _OF_PODS.fullmatch(path)
        values = self._values.get((asked[1], asked[2])) if asked else None
        return _list_values(asked[1], asked[2], values) if asked and values else None

    def _list_resources(self) -> dict[str, Any]:
        names = sorted({metric for _, metric in self._values})
        kind = {"singularName": "", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]}
        resources = [{"name": f"pods/{name}", **kind} for name in names]
        version = _ROOT.removeprefix("/apis/")
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


@contextmanager
def serve_custom_metrics(plane: ControlPlane, folder: Path) -> Iterator[CustomMetrics]:
    """Let the API server ask this process for custom metrics, by an APIService whose Service leads to this machine."""
    metrics = CustomMetrics()
    files = sign("localhost").write(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(metrics))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files / "tls.crt", files / "tls.key")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        _register(plane, server.server_port)
        yield metrics
    finally:
        plane.kubectl("delete", "apiservice", _API_SERVICE, "--ignore-not-found")
        plane.kubectl("delete", "namespace", _NAMESPACE, "--ignore-not-found", "--wait=false")
        server.shutdown()
        server.server_close()


def _register(plane: ControlPlane, port: int) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "custom-metrics", "namespace": _NAMESPACE},
        # No proxy carries traffic to an address of the cluster here; a name is resolved by the API server itself.
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
    }
    api_service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": _API_SERVICE},
        "spec": {
            "group": "custom.metrics.k8s.io",
            "version": "v1beta2",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "custom-metrics", "namespace": _NAMESPACE, "port": port},
        },
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}}
    apply(plane, [namespace, service, api_service])

    def is_available() -> bool:
        live = json.loads(plane.kubectl("get", "apiservice", _API_SERVICE, "-o", "json"))
        conditions = (live.get("status") or {}).get("conditions") or []
        return any(one["type"] == "Available" and one["status"] == "True" for one in conditions)

    wait_until("the API server reaches the custom metrics", is_available)


def _list_values(namespace: str, metric: str, values: Mapping[str, str]) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    items = [
        {
            "describedObject": {"kind": "Pod", "namespace": namespace, "name": pod, "apiVersion": "v1"},
            "metric": {"name": metric},
            "timestamp": now,
            "value": value,
        }
        for pod, value in values.items()
    ]
    return {"kind": "MetricValueList", "apiVersion": _ROOT.removeprefix("/apis/"), "metadata": {}, "items": items}


def _make_handler(metrics: CustomMetrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
            answer = metrics.answer(path)
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(answer if answer is not None else {**missing, "message": f"{path} is not known"}).encode()
            self.send_response(200 if answer is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the API server asks for what there is again and again."""

    return Handler
