"""The operator beside the cluster: installed by its chart, run from this checkout with the chart's permissions."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.control_plane import ControlPlane
from lab.errors import LabError
from lab.processes import Component
from lab.served_definitions import wait_until_served

NAMESPACE = "nemotron-system"
"""Where the chart is installed."""

RELEASE = "nemotron-operator"
"""The Helm release, and so the operator's ServiceAccount."""

WITHOUT_PODS: Mapping[str, Any] = {"replicaCount": 0}
"""Values of the chart for an operator that runs beside the cluster."""

GRACE_SECONDS = 30
"""How long an operator may take to end, as in its pod: one that leads finishes what it has begun, and gives its Lease
back then. Killed before, it would leave the others to wait until the Lease has run out."""

START_SECONDS = 20
"""How long the operator may take until it answers on its port."""


@dataclass(frozen=True)
class Account:
    """A ServiceAccount."""

    namespace: str = NAMESPACE
    name: str = RELEASE


OPERATOR_ACCOUNT = Account()
"""The one that the chart makes, with the operator's permissions."""

_NAMESPACE_OBJECT = {
    "apiVersion": "v1",
    "kind": "Namespace",
    # As strict as a platform can be: the operator's own pods must pass.
    "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}

_CHART = Path(__file__).resolve().parent.parent / "charts" / "nemotron-operator"

_POLL_SECONDS = 0.05


def install_chart(plane: ControlPlane, values: Mapping[str, Any] = WITHOUT_PODS, *, wait_seconds: int = 0) -> None:
    """Install the operator with Helm as a user does.

    Parameters
    ----------
    values
        The chart's values; by default definitions and permissions only, as no simulated node could run the operator.
    wait_seconds
        How long Helm waits until the operator's pods are ready; 0 does not wait.
    """
    plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(_NAMESPACE_OBJECT))
    command = [str(plane.binaries.helm), "upgrade", "--install", RELEASE, str(_CHART), "--namespace", NAMESPACE]
    command += ["--values", "-", "--kubeconfig", str(plane.kubeconfig)]
    command += ["--wait", f"--timeout={wait_seconds}s"] if wait_seconds else []
    home = {f"HELM_{kind}_HOME": str(plane.directory / "helm") for kind in ("CACHE", "CONFIG", "DATA")}
    answer = subprocess.run(
        command, env={**os.environ, **home}, input=json.dumps(values), capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise LabError(f"helm could not install the chart: {answer.stderr.strip()}")
    wait_until_served(plane, ["crd/nemotrondeployments.nemotron.dev"])


def make_operator(
    plane: ControlPlane,
    name: str = "nemotron-operator",
    options: Sequence[str] = (),
    account: Account = OPERATOR_ACCOUNT,
) -> Component:
    """Describe one operator process with the permissions of the chart's ServiceAccount, and no others.

    Its name is also that of its log and of its process id's file, so that deleting the cluster ends it.
    """
    link = plane.directory / "bin" / name
    link.unlink(missing_ok=True)
    link.symlink_to(Path(sys.executable).with_name("nemotron-operator"))
    command = (str(link), "run", "--http-host=127.0.0.1", "--http-port=0", *options)
    environment = {"KUBECONFIG": str(write_operator_kubeconfig(plane, account=account))}
    return Component(name, plane.directory, command, environment, grace_seconds=GRACE_SECONDS)


def write_operator_kubeconfig(
    plane: ControlPlane, server: str | None = None, account: Account = OPERATOR_ACCOUNT
) -> Path:
    """Write a kubeconfig with a token of the operator's ServiceAccount, for the API server or a proxy before it."""
    token = plane.kubectl("-n", account.namespace, "create", "token", account.name, "--duration=24h").strip()
    view = json.loads(plane.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    view["users"] = [{"name": RELEASE, "user": {"token": token}}]
    view["contexts"][0]["context"]["user"] = RELEASE
    if server is not None:
        view["clusters"][0]["cluster"] = {"server": server}
    path = plane.directory / f"{account.name}-{'direct' if server is None else 'proxied'}.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(view))
    return path


def start_operator(operator: Component) -> int:
    """Start the operator anew and wait until it listens; return the port of its health and metrics."""
    operator.stop()
    already_said = operator.log.stat().st_size if operator.log.exists() else 0
    operator.start()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = operator.log.read_bytes()[already_said:].decode(errors="replace") if operator.log.exists() else ""
        if port := re.search(r"Health and metrics on http://[^:]+:(\d+)", said):
            return int(port[1])
        if not operator.is_running():
            raise LabError(f"The operator ended at once. Its log {operator.log} says:\n{said}")
        time.sleep(_POLL_SECONDS)
    raise LabError(f"The operator did not listen within {START_SECONDS} s; its log is {operator.log}")
