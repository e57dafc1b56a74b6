"""One real node beside the simulated ones: containerd, kubelet, kube-proxy and DNS, in namespaces of their own."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar

from lab.binaries import NodeBinaries
from lab.control_plane import ControlPlane, KubectlError
from lab.debian_packages import find_program
from lab.errors import LabError
from lab.images import import_pause, run_ctr
from lab.node_cgroup import make_cgroup
from lab.node_namespaces import NAME as NAMESPACES
from lab.node_namespaces import make_beside, make_holder, make_inside
from lab.node_network import NodeNetwork, is_linked, link_host, require_network
from lab.node_settings import (
    ACCELERATOR_LABEL,
    NODE_NAME,
    NodeFolder,
    render_cni,
    render_containerd,
    render_corefile,
    render_kube_proxy,
    render_kubeconfig,
    render_kubelet,
)
from lab.nodes import GPUS_PER_NODE
from lab.processes import Component

START_SECONDS = 60
"""How long containerd may take to answer, and then the node to be Ready; together they take about ten."""

NAMESPACES_SECONDS = 10
"""How long its namespaces may take; they take a moment."""

CNI_PROGRAMS = Path("/usr/lib/cni")
"""Where Debian puts them."""

HEALTH = {"kubelet": (10248, "/healthz"), "kube-proxy": (10256, "/healthz"), "coredns": (8181, "/ready")}
"""Where each program says whether it works, on the node's address."""

_HEALTH_TIMEOUT_SECONDS = 2

_POLL_SECONDS = 0.1

T = TypeVar("T")


@dataclass(frozen=True)
class RealNode:
    """The node of one cluster, by that cluster."""

    plane: ControlPlane
    binaries: NodeBinaries

    @cached_property
    def network(self) -> NodeNetwork:
        """Its addresses."""
        return require_network(self.plane.directory)

    @property
    def folder(self) -> NodeFolder:
        """Its files."""
        return NodeFolder(self.plane.directory)

    def start(self) -> None:
        """Start what does not run, and wait until the node is Ready."""
        components = self.components()
        self._write_settings()
        is_new = not components[NAMESPACES].is_running()
        components[NAMESPACES].start()
        if not is_linked(self.network):
            link_host(self.network, self._wait_for_namespaces(components[NAMESPACES]))
        components["api-relay"].start()
        self._start_containerd(components["containerd"])
        if is_new:
            self._forget_containers(components["containerd"])
        import_pause(self.plane, self.binaries.pause)
        for name in ("kubelet", "kube-proxy", "coredns"):
            components[name].start()
        self._wait_until_ready()

    def components(self) -> dict[str, Component]:
        """Return the node's processes by name, in the order of their start."""
        directory, files = self.plane.directory, self.folder.settings
        joins = make_cgroup(self.network.cgroup)
        relay = (f"TCP-LISTEN:{self._api_port},bind={self.network.host_address},fork,reuseaddr",)
        kubelet = (
            f"--config={files / 'kubelet.yaml'}",
            f"--kubeconfig={self.folder.kubeconfig}",
            f"--root-dir={self.folder.kubelet}",
            f"--cert-dir={self.folder.kubelet / 'pki'}",
            f"--node-ip={self.network.node_address}",
            f"--hostname-override={NODE_NAME}",
            f"--node-labels={','.join(f'{key}={value}' for key, value in ACCELERATOR_LABEL.items())}",
        )
        inside = {
            "containerd": (f"--config={files / 'containerd.toml'}",),
            "kubelet": kubelet,
            "kube-proxy": (f"--config={files / 'kube-proxy.yaml'}",),
            "coredns": (f"-conf={files / 'Corefile'}",),
        }
        return {
            NAMESPACES: make_holder(directory, joins),
            "api-relay": make_beside("api-relay", directory, (*relay, f"TCP:127.0.0.1:{self._api_port}"), joins),
            **{name: make_inside(name, directory, arguments, joins) for name, arguments in inside.items()},
        }

    @cached_property
    def _api_port(self) -> int:
        """The API server listens on loopback, where no pod can reach it: hence the relay, on the same port."""
        command = self.plane.component("kube-apiserver").command
        return int(next(argument for argument in command if argument.startswith("--secure-port=")).partition("=")[2])

    def _wait_for_namespaces(self, holder: Component) -> int:
        """Return the process in them, which becomes what it is called only when they are furnished."""
        return self._wait_until("The node's namespaces were not made", holder.pid, NAMESPACES_SECONDS)

    def _write_settings(self) -> None:
        folder, network = self.folder, self.network
        view = json.loads(self.plane.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        containerd = render_containerd(
            folder,
            network,
            shim=self.plane.directory / "bin" / "containerd-shim-runc-v2",
            runc=Path(_require("runc")),
            cni_programs=CNI_PROGRAMS,
        )
        files = {
            "kubeconfig.yaml": render_kubeconfig(view, network, self._api_port),
            "containerd.toml": containerd,
            "cni/10-nemotron-lab.conflist": render_cni(folder, network),
            "kubelet.yaml": render_kubelet(folder, network),
            "kube-proxy.yaml": render_kube_proxy(folder, network),
            "Corefile": render_corefile(folder, network),
            # Pods that ask for the node's own DNS get none, rather than this machine's.
            "resolv.conf": "",
        }
        for name, text in files.items():
            file = folder.settings / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(text)
        self._link_programs()

    def _link_programs(self) -> None:
        """Give every program a name in the cluster's folder, by which its process is known later."""
        links = {name.replace("_", "-"): path for name, path in vars(self.binaries).items()}
        links |= {NAMESPACES: self.binaries.pause, "api-relay": Path(_require("socat"))}
        for name, program in links.items():
            link = self.plane.directory / "bin" / name
            link.unlink(missing_ok=True)
            link.symlink_to(program)

    def _start_containerd(self, containerd: Component) -> None:
        containerd.start()
        self._wait_until("containerd did not answer", self._is_containerd_there, START_SECONDS)

    def _is_containerd_there(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.folder.socket)) == 0

    def _forget_containers(self, containerd: Component) -> None:
        """Clear the store, which outlives clusters, of containers that ended with the cluster before."""
        if forgotten := run_ctr(self.plane, "containers", "list", "-q").split():
            run_ctr(self.plane, "containers", "delete", *forgotten)
            # It reads what there is when it starts, and only then.
            containerd.stop()
            self._start_containerd(containerd)

    def _wait_until_ready(self) -> None:
        self._wait_until("The node did not join", self._exists, START_SECONDS)
        self._add_gpus()
        self.plane.kubectl("wait", "--for=condition=Ready", f"node/{NODE_NAME}", f"--timeout={START_SECONDS}s")
        # After a restart the API server still says what was true before it.
        for name, (port, path) in HEALTH.items():
            look = partial(_is_healthy, self.network.node_address, port, path)
            self._wait_until(f"{name} did not say that it works", look, START_SECONDS)

    def _exists(self) -> bool:
        try:
            self.plane.kubectl("get", "node", NODE_NAME)
        except KubectlError:
            return False
        return True

    def _add_gpus(self) -> None:
        """Count GPUs that are not there, as a device plugin counts those that are; the kubelet leaves them alone."""
        patch: list[dict[str, Any]] = [
            {"op": "add", "path": f"/status/{kind}/nvidia.com~1gpu", "value": str(GPUS_PER_NODE)}
            for kind in ("capacity", "allocatable")
        ]
        self.plane.kubectl(
            "patch", "node", NODE_NAME, "--subresource=status", "--type=json", f"--patch={json.dumps(patch)}"
        )

    def _wait_until(self, failure: str, look: Callable[[], T | None], seconds: float) -> T:
        """Look again and again until there is something true to see, and return it."""
        deadline = time.monotonic() + seconds
        while not (seen := look()):
            if time.monotonic() > deadline:
                raise LabError(f"{failure} within {seconds:.0f} s.{self.plane.describe_components()}")
            time.sleep(_POLL_SECONDS)
        return seen


def _is_healthy(address: str, port: int, path: str) -> bool:
    connection = HTTPConnection(address, port, timeout=_HEALTH_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _require(program: str) -> str:
    found = find_program(program)
    if found is None:
        raise LabError(f"{program} is not on this machine any more.")
    return found
