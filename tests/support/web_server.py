"""A small web server for the real node: its image, its pods, and how a test talks to it."""

import hashlib
import json
import tempfile
import urllib.parse
import urllib.request
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lab.bring_up import apply
from lab.control_plane import ControlPlane
from lab.go_build import build
from lab.images import import_image
from lab.node_settings import ACCELERATOR_LABEL, DEVELOPMENT_TAINT
from lab.oci_archive import write_program_image
from lab.tools import GoModule
from lab.volumes import REAL_STORAGE_CLASS
from tests.support.cluster import wait_until

IMAGE = "localhost/nemotron-tests/web-server:test"

TOLERATION = {"key": DEVELOPMENT_TAINT["key"], "operator": "Exists"}

_SOURCES = Path(__file__).parents[1] / "node" / "web_server"


@dataclass(frozen=True)
class WebServers:
    """Web servers in a namespace of their own that share one volume, each behind a Service of its name."""

    plane: ControlPlane
    namespace: str

    def start(self, *names: str) -> None:
        """Import the image, make everything, and wait until all are Ready."""
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "web-server.tar"
            write_program_image(archive, IMAGE, _build())
            import_image(self.plane, archive)
        self.plane.kubectl("create", "namespace", self.namespace)
        self.plane.kubectl("label", "namespace", self.namespace, "pod-security.kubernetes.io/enforce=restricted")
        apply(self.plane, [self._claim(), *(part for name in names for part in self._web_server(name))])
        self.kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s")
        for name in names:
            # The node hears of a Ready pod a moment after we do, and refuses connections until then.
            wait_until(f"the Service {name} answers", partial(is_answered, self.url(name, "/healthz")))

    def remove(self) -> None:
        """Delete the namespace with everything in it."""
        self.plane.kubectl("delete", "namespace", self.namespace, "--timeout=60s")

    def kubectl(self, *args: str) -> str:
        """Run kubectl in the namespace."""
        return self.plane.kubectl("-n", self.namespace, *args)

    def url(self, name: str, path: str) -> str:
        """Return an address for this machine: that of the Service, since it knows no names of the cluster."""
        address = self.kubectl("get", "service", name, "-o", "jsonpath={.spec.clusterIP}")
        return f"http://{address}{path}"

    def ask_from(self, name: str, url: str) -> str:
        """Have a pod fetch an address."""
        return fetch(self.question(name, url))

    def question(self, name: str, url: str) -> str:
        """Return the address at which a pod fetches another address."""
        return self.url(name, f"/ask?{urllib.parse.urlencode({'url': url})}")

    def container(self, name: str) -> dict[str, Any]:
        """Return what the status of a pod says of its container."""
        status: dict[str, Any] = json.loads(self.kubectl("get", "pod", name, "-o", "json"))["status"]
        container: dict[str, Any] = status["containerStatuses"][0]
        return container

    def _claim(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "kept", "namespace": self.namespace},
            "spec": {
                "storageClassName": REAL_STORAGE_CLASS,
                "accessModes": ["ReadWriteMany"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }

    def _web_server(self, name: str) -> list[dict[str, Any]]:
        metadata = {"name": name, "namespace": self.namespace, "labels": {"app": name}}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {
                "nodeSelector": ACCELERATOR_LABEL,
                "tolerations": [TOLERATION],
                "containers": [restricted_container()],
                "volumes": [{"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}}],
                "terminationGracePeriodSeconds": 0,
            },
        }
        ports = [{"port": 80, "targetPort": 8000}]
        service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
        return [pod, {**service, "spec": {"selector": {"app": name}, "ports": ports}}]


def fetch(url: str, *, method: str = "GET", body: bytes | None = None) -> str:
    """Ask from this machine."""
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 -- an address of the test's own
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- as above
        content: bytes = answer.read()
    return content.decode()


def is_answered(url: str) -> bool:
    """Tell whether somebody answers there."""
    try:
        return bool(fetch(url))
    except OSError:
        return False


def _build() -> Path:
    source = (_SOURCES / "main.go").read_bytes()
    module = GoModule(
        name="web-server",
        version=hashlib.sha256(source).hexdigest()[:12],
        packages={"web-server": "nemotron.dev/tests/web-server"},
        version_variables={},
        cpu_seconds=20,
        folder=_SOURCES,
    )
    return build(module, print) / "web-server"


def restricted_container() -> dict[str, Any]:
    """Make a container as restricted as those that the operator renders."""
    probe = {"httpGet": {"path": "/healthz", "port": 8000}, "periodSeconds": 1}
    return {
        "name": "web-server",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "startupProbe": probe,
        "readinessProbe": probe,
        "resources": {"limits": {"nvidia.com/gpu": "2", "memory": "64Mi"}, "requests": {"cpu": "10m"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 2000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "kept", "mountPath": "/data"}],
    }
