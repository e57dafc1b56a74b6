"""Bring the whole laboratory up, and take it down: what the demo, the tests and the benchmark call."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from lab.binaries import NodeBinaries, find_or_build, find_or_build_node
from lab.control_plane import ControlPlane, KubectlError, cluster_directory, delete_cluster
from lab.debian_packages import NODE_PROGRAMS, install_missing
from lab.directories import STAGES, lab_home
from lab.errors import LabError
from lab.file_lock import file_lock
from lab.node_network import read_network
from lab.node_settings import NODE_NAME, image_store
from lab.nodes import cpu_node, simulated_pool
from lab.real_node import RealNode
from lab.real_node_possible import why_no_real_node
from lab.served_definitions import wait_until_served
from lab.volumes import real_storage_class, real_volumes, storage_class, volumes, zonal_storage_class

_WAIT = "--timeout=60s"


def bring_up(
    name: str, say: Callable[[str], None], *, pool: Sequence[dict[str, Any]] | None = None, real_node: bool = False
) -> ControlPlane:
    """Return a running cluster with its nodes and volumes; whatever of it is there already is kept.

    Parameters
    ----------
    pool
        GPU nodes, for a pool other than `simulated_pool()`.
    real_node
        Whether one node more runs its pods for real; `why_no_real_node()` says whether this machine can.
    """
    if real_node and (reason := why_no_real_node()):
        raise LabError(f"A real node is not possible here: {reason}")
    plane = ControlPlane(name, find_or_build(say), with_real_node=real_node)
    node = RealNode(plane, _find_node_programs(say)) if real_node else None
    if real_node and plane.directory.exists() and read_network(plane.directory) is None:
        say(f"cluster {name}: no real node can join the one that is there; made anew")
    with _timed(f"cluster {name}", say):
        is_new = plane.create()
        say(f"cluster {name}: {'made' if is_new else 'runs already, kept'}")
    try:
        nodes = [*(simulated_pool() if pool is None else pool), cpu_node(is_tainted=real_node)]
        _furnish(plane, nodes, say)
        if node is not None:
            _furnish_real(node, say)
    except KubectlError as error:
        raise LabError(f"{error}{plane.describe_components()}") from error
    return plane


def _find_node_programs(say: Callable[[str], None]) -> NodeBinaries:
    install_missing(NODE_PROGRAMS, say)
    return find_or_build_node(say)


def _furnish_real(node: RealNode, say: Callable[[str], None]) -> None:
    """Start the real node, and give it volumes that hold something."""
    with _timed(f"real node {NODE_NAME}", say):
        node.start()
    apply(node.plane, [real_storage_class(), *real_volumes(NODE_NAME, node.folder.volumes)])


def _furnish(plane: ControlPlane, nodes: Sequence[dict[str, Any]], say: Callable[[str], None]) -> None:
    """Put nodes, volumes and the rules that simulated kubelets follow into the cluster."""
    with _timed("simulated kubelets", say):
        wait_until_served(plane, ["crd/stages.kwok.x-k8s.io"])
        apply(plane, read_stages())
    with _timed(f"{len(nodes)} nodes, StorageClass and volumes", say):
        apply(plane, [*nodes, storage_class(), zonal_storage_class(), *volumes()])
        plane.kubectl("wait", "--for=condition=Ready", "node", "--all", _WAIT)
        # Until the controller manager has made it, every pod is refused.
        plane.kubectl("wait", "--for=create", "serviceaccount/default", _WAIT)


def tear_down(name: str, *, with_images: bool = False) -> bool:
    """Delete the cluster; return whether there was one. It needs no programs, so it builds none.

    Parameters
    ----------
    with_images
        Whether the images of its real node go too; otherwise the next real node has them at once.
    """
    directory = cluster_directory(name, lab_home())
    with file_lock(lab_home() / "clusters.lock"):
        existed = directory.exists()
        network = read_network(directory)
        delete_cluster(directory)
        if with_images and network is not None:
            shutil.rmtree(image_store(directory, network), ignore_errors=True)
    return existed


def apply(plane: ControlPlane, manifests: Sequence[dict[str, Any]]) -> None:
    """Send objects in one call."""
    objects = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    # On the server's side: kubectl's own apply spends two seconds on reading the OpenAPI document.
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(objects))


def read_stages(folder: Path = STAGES) -> list[dict[str, Any]]:
    """Read the Stages, one to a file."""
    return [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))]


@contextmanager
def _timed(what: str, say: Callable[[str], None]) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - started:.1f} s")
