"""Cutting the pods of a real node off from everything but their cluster, as in a network without internet."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from lab.control_plane import ControlPlane
from lab.debian_packages import find_program
from lab.errors import LabError
from lab.node_namespaces import find_holder
from lab.node_network import NodeNetwork, require_network, run_or_refuse

TABLE = "inet nemotron-lab-cut"
"""The table of packet filter rules: the cut is there while the table is."""


@contextmanager
def cut_off_pods(plane: ControlPlane) -> Iterator[None]:
    """Let pods reach pods, Services, DNS and the API server only, for as long as the block lasts."""
    network = require_network(plane.directory)
    _run_nft(plane, render_cut(network, _read_api_port(plane)))
    try:
        yield
    finally:
        _run_nft(plane, f"delete table {TABLE}")


def render_cut(network: NodeNetwork, api_port: int) -> str:
    """Write the rules, for the node's network namespace, which forwards what its pods send; DNS is on the node itself.

    What answers a connection from outside passes: a test asks the Service. What a pod began does not, were it before.
    """
    return f"""
add table {TABLE}
delete table {TABLE}
table {TABLE} {{
  chain forward {{
    type filter hook forward priority filter; policy accept;
    ip saddr != {network.pods} accept
    ct direction reply accept
    ip daddr {{ {network.pods}, {network.services} }} accept
    ip daddr {network.host_address} tcp dport {api_port} accept
    drop
  }}
}}
"""


def _run_nft(plane: ControlPlane, rules: str) -> None:
    nft = find_program("nft")
    if nft is None:
        raise LabError("nft is not on this machine; it is in the Debian package nftables.")
    namespace = f"--net=/proc/{find_holder(plane.directory).pid()}/ns/net"
    run_or_refuse(("nsenter", namespace, nft, rules))


def _read_api_port(plane: ControlPlane) -> int:
    """Read the API server's port, which the node's relay has too."""
    server = plane.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    port = urlsplit(server).port
    if port is None:
        raise LabError(f"The API server of {plane.name} has no port: {server}.")
    return port
