"""The real controller of LeaderWorkerSets beside a cluster, with the webhooks by which it marks the pods of a group.

`python -m lab.leader_worker_sets` finds or builds it.
"""

import base64
import json
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab.binaries import find_or_build_lws_manager
from lab.bring_up import apply
from lab.control_plane import ControlPlane
from lab.errors import LabError
from lab.optional_apis import install_apis
from lab.processes import Component

START_SECONDS = 30
"""How long the controller may take until it answers."""

_NAME = "lws-manager"

_CONFIGURATION = "lab-lws"
"""Name of both configurations of webhooks."""

_ANY_OF_A_GROUP = {"matchExpressions": [{"key": "leaderworkerset.sigs.k8s.io/name", "operator": "Exists"}]}

_POLL_SECONDS = 0.1


def start_leader_worker_sets(
    plane: ControlPlane, certificates: Path, say: Callable[[str], None] = lambda _text: None
) -> Component:
    """Install the API, start its controller and let the API server ask its webhooks.

    Parameters
    ----------
    certificates
        A folder with `tls.crt` and `tls.key` for the address 127.0.0.1, and the `ca.crt` that signed.
    """
    install_apis(plane, ["lws"], say)
    manager = find_or_build_lws_manager(say)
    webhook_port, health_port = _find_free_ports(2)
    link = plane.directory / "bin" / _NAME
    link.unlink(missing_ok=True)
    link.symlink_to(manager)
    settings = plane.directory / f"{_NAME}.json"
    settings.write_text(json.dumps(_configure(certificates, webhook_port, health_port)))
    command = (str(link), f"--config={settings}", "--zap-log-level=info")
    component = Component(_NAME, plane.directory, command, {"KUBECONFIG": str(plane.kubeconfig)})
    component.start()
    _wait_until_it_listens(component, webhook_port)
    apply(plane, _make_webhooks((certificates / "ca.crt").read_bytes(), webhook_port))
    return component


def stop_leader_worker_sets(plane: ControlPlane, component: Component) -> None:
    """Let the API server ask nobody any more, and end the controller; the API stays."""
    for kind in ("mutatingwebhookconfiguration", "validatingwebhookconfiguration"):
        plane.kubectl("delete", kind, _CONFIGURATION, "--ignore-not-found")
    component.stop()


def _configure(certificates: Path, webhook_port: int, health_port: int) -> dict[str, Any]:
    return {
        "apiVersion": "config.lws.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "webhook": {"host": "127.0.0.1", "port": webhook_port, "certDir": str(certificates)},
        "health": {"healthProbeBindAddress": f"127.0.0.1:{health_port}"},
        "metrics": {"bindAddress": "0"},
    }


def _make_webhooks(authority: bytes, port: int) -> list[dict[str, Any]]:
    """Make what config/webhook of the project says, with an address of this machine in place of a Service."""
    sets = [{"apiGroups": ["leaderworkerset.x-k8s.io"], "resources": ["leaderworkersets"]}]
    pods = [{"apiGroups": [""], "resources": ["pods"]}]
    of_sets = "leaderworkerset-x-k8s-io-v1-leaderworkerset"

    def make(name: str, path: str, rules: Sequence[dict[str, Any]], operations: Sequence[str]) -> dict[str, Any]:
        of_pods = {"objectSelector": _ANY_OF_A_GROUP} if rules is pods else {}
        return {
            "name": name,
            "admissionReviewVersions": ["v1"],
            "clientConfig": {
                "url": f"https://127.0.0.1:{port}/{path}",
                "caBundle": base64.b64encode(authority).decode(),
            },
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "rules": [{**rule, "apiVersions": ["v1"], "operations": list(operations)} for rule in rules],
            **of_pods,
        }

    both = ("CREATE", "UPDATE")
    mutating = [
        make("mleaderworkerset.kb.io", f"mutate-{of_sets}", sets, both),
        make("mpod.kb.io", "mutate--v1-pod", pods, ("CREATE",)),
    ]
    validating = [
        make("vleaderworkerset.kb.io", f"validate-{of_sets}", sets, both),
        make("vpod.kb.io", "validate--v1-pod", pods, both),
    ]
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{kind}WebhookConfiguration",
            "metadata": {"name": _CONFIGURATION},
            "webhooks": webhooks,
        }
        for kind, webhooks in (("Mutating", mutating), ("Validating", validating))
    ]


def _find_free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_until_it_listens(component: Component, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and component.is_running():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(_POLL_SECONDS)
        else:
            return
    tail = "\n".join(component.log.read_text(errors="replace").splitlines()[-10:]) if component.log.exists() else ""
    raise LabError(f"The controller of LeaderWorkerSets does not answer; its log {component.log} ends with:\n{tail}")


def main() -> int:
    """Say where the controller is, and while it is built, how far it is."""
    try:
        print(f"{_NAME:<24} {find_or_build_lws_manager(lambda text: print(text, flush=True))}")
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
