"""The operator inside the cluster, on the real node: its own image, installed by its chart, serving on CPU."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.control_plane import ControlPlane
from lab.hub import Hub
from lab.image_build import build_image
from lab.images import import_image
from lab.node_network import NodeNetwork, read_network
from lab.node_settings import DEVELOPMENT_TAINT
from lab.operator_process import NAMESPACE, RELEASE, install_chart
from lab.tiny_model import NAME, make_repository
from lab.volumes import REAL_STORAGE_CLASS

CONFIG = Path(__file__).resolve().parent.parent / "examples" / "operator" / "cpu-development.yaml"
"""The operator's configuration on a machine without GPUs."""

IMAGES = ("operator", "vllm-cpu")
"""What pods on the real node run, by the words of `images/build.py`."""

MODEL_IMAGES = "localhost/models/"
"""What the names of images with weights begin with."""

OPERATOR_REPLICAS = 2
"""One leads, one waits for its turn."""

INSTALL_SECONDS = 120
"""How long the operator's pods may take to be ready."""


def install_real_operator(
    plane: ControlPlane, say: Callable[[str], None], *, replicas: int = OPERATOR_REPLICAS
) -> None:
    """Build the images, give them to the node, and install the chart."""
    deployment = ("-n", NAMESPACE, "get", "deployment", RELEASE, "--ignore-not-found", "--output=name")
    was_installed = bool(plane.kubectl(*deployment))
    is_new = {word: import_image(plane, build_image(word, say).path, say) for word in IMAGES}
    install_chart(plane, make_values(replicas), wait_seconds=INSTALL_SECONDS)
    if was_installed and is_new["operator"]:
        # The tag is the same, so no pod would be made anew.
        restart = ("-n", NAMESPACE, "rollout")
        plane.kubectl(*restart, "restart", f"deployment/{RELEASE}")
        plane.kubectl(*restart, "status", f"deployment/{RELEASE}", f"--timeout={INSTALL_SECONDS}s")


def make_values(replicas: int) -> Mapping[str, Any]:
    """Make the chart's values: the example configuration, on the real node."""
    return {
        "replicaCount": replicas,
        "config": {**yaml.safe_load(CONFIG.read_text()), "allowedModelImagePrefixes": [MODEL_IMAGES]},
        "tolerations": [{"key": DEVELOPMENT_TAINT["key"], "operator": "Exists"}],
        "nodeSelector": {"nemotron.dev/accelerator": "cpu-development"},
    }


def serve_tiny_model(plane: ControlPlane) -> Hub:
    """Make a hub that pods of the real node reach, with the tiny model; it serves as long as its context lasts."""
    return Hub({NAME: make_repository()}, host=network_of(plane).host_address)


def network_of(plane: ControlPlane) -> NodeNetwork:
    """Return the network of a cluster that has a real node."""
    network = read_network(plane.directory)
    if network is None:
        raise AssertionError(f"the cluster {plane.name} was made without a real node")
    return network


def tiny_resource(hub: Hub, name: str = "tiny", **spec: object) -> dict[str, Any]:
    """Make a NemotronDeployment of the tiny model; keyword arguments are further fields of its spec."""
    return {
        "apiVersion": "nemotron.dev/v1alpha1",
        "kind": "NemotronDeployment",
        "metadata": {"name": name},
        "spec": {
            "model": {"source": {"huggingFace": {"repository": NAME, "endpoint": hub.url}}, "servedNames": ["tiny"]},
            "cache": {"size": "1Gi", "storageClassName": REAL_STORAGE_CLASS},
            "engine": {"maxModelLen": 512},
            # What a replica asks for by default is meant for weights of 70 GB.
            "podTemplate": {"cpu": "100m", "memory": "3Gi"},
            **spec,
        },
    }
