"""The addresses of one real node: its link to this machine, its pods, its cluster's Services.

The node has a network namespace of its own, so only the link's end on this machine can collide with anything.
"""

import ipaddress
import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

NETWORKS = range(64)
"""How many clusters with a real node can stand side by side."""

NODE_INTERFACE = "eth0"
"""The link's end in the node."""

_FILE = Path("node") / "network.json"


@dataclass(frozen=True)
class NodeNetwork:
    """Everything that has to be different between two clusters, from one number."""

    index: int

    @property
    def host_interface(self) -> str:
        """The link's end on this machine."""
        return f"nemo{self.index}"

    @property
    def cgroup(self) -> str:
        """The control group that holds every process of the node."""
        return f"nemotron-lab-{self.index}"

    @property
    def host_address(self) -> str:
        """Where pods reach the API server, and whatever a test serves to them."""
        return f"10.243.{self.index}.1"

    @property
    def node_address(self) -> str:
        """The node's own address: its kubelet and its DNS."""
        return f"10.243.{self.index}.2"

    @property
    def link(self) -> str:
        """The network of these two."""
        return f"10.243.{self.index}.0/30"

    @property
    def pods(self) -> str:
        """The node's pods."""
        return f"10.244.{self.index}.0/24"

    @property
    def services(self) -> str:
        """The cluster's Services."""
        return f"10.245.{self.index}.0/24"

    @property
    def api_service_address(self) -> str:
        """The first Service of every cluster: the API server as pods know it."""
        return f"10.245.{self.index}.1"

    def save(self, directory: Path) -> None:
        """Write it down with the cluster, before anything of it is made: what is killed halfway can then be undone."""
        file = directory / _FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"index": self.index}))


def read_network(directory: Path) -> NodeNetwork | None:
    """Return the network of the cluster in this folder; None when it has no real node."""
    try:
        return NodeNetwork(json.loads((directory / _FILE).read_text())["index"])
    except (FileNotFoundError, NotADirectoryError):
        return None


def require_network(directory: Path) -> NodeNetwork:
    """Return the network of the cluster in this folder, or refuse."""
    network = read_network(directory)
    if network is None:
        raise LabError(f"The cluster {directory.name} was made without a real node.")
    return network


def pick_network(home: Path) -> NodeNetwork:
    """Return the first network that no other cluster has and that leads nowhere else on this machine."""
    taken = [network for folder in (home / "clusters").glob("*") if (network := read_network(folder))]
    return choose_network(taken, _read_destinations())


def choose_network(taken: Iterable[NodeNetwork], destinations: Iterable[str]) -> NodeNetwork:
    """Choose among `NETWORKS`, given those in use and every network that this machine has a route to."""
    routes = [ipaddress.IPv4Network(destination) for destination in destinations]
    used = set(taken)
    for candidate in map(NodeNetwork, NETWORKS):
        parts = [ipaddress.IPv4Network(part) for part in (candidate.link, candidate.pods, candidate.services)]
        if candidate not in used and not any(part.overlaps(route) for part in parts for route in routes):
            return candidate
    raise LabError(
        "No network is free for a real node: 10.243.0.0/16 to 10.245.0.0/16 are routed already (`ip route`)."
    )


def _read_destinations() -> list[str]:
    command = ["ip", "-4", "-json", "route", "show", "table", "all"]
    routes = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [route["dst"] for route in routes if route["dst"] != "default"]


def link_host(network: NodeNetwork, namespaces_pid: int) -> None:
    """Tie the node's network namespace to this machine, and lead pods and Services there."""
    host, node = network.host_interface, network.node_address
    inside = ("nsenter", f"--net=/proc/{namespaces_pid}/ns/net", "ip")
    unlink_host(network)
    peer = ("type", "veth", "peer", "name", NODE_INTERFACE, "netns", str(namespaces_pid))
    for command in (
        ("ip", "link", "add", host, *peer),
        ("ip", "address", "add", f"{network.host_address}/30", "dev", host),
        ("ip", "link", "set", host, "up"),
        (*inside, "address", "add", f"{node}/30", "dev", NODE_INTERFACE),
        (*inside, "link", "set", NODE_INTERFACE, "up"),
        # The node itself asks for Services too: a route has to be there before the rules of kube-proxy apply.
        (*inside, "route", "add", "default", "via", network.host_address),
        ("ip", "route", "add", network.pods, "via", node),
        ("ip", "route", "add", network.services, "via", node),
    ):
        run_or_refuse(command)


def is_linked(network: NodeNetwork) -> bool:
    """Tell whether the link is whole: the route to Services is its last part."""
    command = ["ip", "-4", "-json", "route", "show", "dev", network.host_interface]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and network.services in {route["dst"] for route in json.loads(answer.stdout or "[]")}


def unlink_host(network: NodeNetwork) -> None:
    """Remove the link, and with it both its ends and the routes over it; do nothing if there is none."""
    if Path("/sys/class/net", network.host_interface).exists():
        subprocess.run(["ip", "link", "delete", network.host_interface], check=False, capture_output=True)


def run_or_refuse(command: Iterable[str]) -> str:
    """Run one command; what it prints when it fails is the message."""
    arguments = list(command)
    answer = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise LabError(f"{' '.join(arguments)}: {(answer.stderr or answer.stdout).strip()}")
    return answer.stdout
