"""A network and a mount namespace of the node's own, held open by one process, and how its programs start there.

Everything that a node leaves on a machine otherwise, the mounts of volumes and images, packet filter tables, interfaces
and other namespaces, the kernel removes with the last process of these namespaces.
"""

from collections.abc import Sequence
from pathlib import Path

from lab.node_cgroup import remove_cgroup
from lab.node_network import read_network, unlink_host
from lab.processes import Component

NAME = "node-namespaces"
"""The process that holds them, a component of the cluster."""

PRIVATE_FOLDERS = ("/run", "/var/log", "/var/lib/cni", "/var/lib/kubelet")
"""Where a node's programs write whatever they are told; there they find folders of their own, empty at first."""

_JOIN = 'for file in $CGROUP_PROCS; do echo $$ >"$file"; done; exec "$@"'

_MAKE = """\
for folder in $PRIVATE_FOLDERS; do mkdir -p "$folder"; mount -t tmpfs -o mode=0755 tmpfs "$folder"; done
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
exec "$@"
"""

_ENTER = """\
read -r holder <"$HOLDER" || true
exec nsenter --net="/proc/$holder/ns/net" --mount="/proc/$holder/ns/mnt" -- "$@"
"""


def make_holder(directory: Path, joins: Sequence[Path]) -> Component:
    """Describe the process whose start makes the namespaces."""
    unshare = ("unshare", "--net", "--mount", "--propagation", "private")
    launcher = (*_shell(_JOIN), *unshare, *_shell(_MAKE))
    environment = {**_groups(joins), "PRIVATE_FOLDERS": " ".join(PRIVATE_FOLDERS)}
    return Component(NAME, directory, (str(directory / "bin" / NAME),), environment, launcher)


def make_inside(name: str, directory: Path, arguments: Sequence[str], joins: Sequence[Path]) -> Component:
    """Describe a program that runs in the namespaces, once they are there."""
    environment = {**_groups(joins), "HOLDER": str(find_holder(directory).pid_file)}
    command = (str(directory / "bin" / name), *arguments)
    return Component(name, directory, command, environment, (*_shell(_JOIN), *_shell(_ENTER)))


def make_beside(name: str, directory: Path, arguments: Sequence[str], joins: Sequence[Path]) -> Component:
    """Describe a program that belongs to the node but runs in this machine's own namespaces."""
    command = (str(directory / "bin" / name), *arguments)
    return Component(name, directory, command, _groups(joins), _shell(_JOIN))


def find_holder(directory: Path) -> Component:
    """Return the process that holds the namespaces of the cluster in this folder, to look at or to end."""
    return Component(NAME, directory, (str(directory / "bin" / NAME),), {})


def remove_node(directory: Path) -> None:
    """End all that runs on the node of the cluster in this folder; do nothing if it has none.

    It takes nothing but the number that was written down first, so it works from whatever state is left.
    """
    network = read_network(directory)
    if network is None:
        return
    remove_cgroup(network.cgroup)
    unlink_host(network)


def _shell(script: str) -> tuple[str, ...]:
    return ("/bin/sh", "-euc", script, "sh")


def _groups(joins: Sequence[Path]) -> dict[str, str]:
    return {"CGROUP_PROCS": " ".join(map(str, joins))}
