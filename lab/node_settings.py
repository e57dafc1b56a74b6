"""The settings of a real node's programs, each as the text of one file."""

import json
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from lab.directories import NODE_FILES
from lab.node_network import NodeNetwork

NODE_NAME = "real-0"
"""The one real node of a cluster."""

ACCELERATOR_LABEL = {"nemotron.dev/accelerator": "cpu-development"}
"""What an accelerator profile selects in order to have its pods run for real."""

DEVELOPMENT_TAINT = {"key": "nemotron.dev/development", "value": "cpu", "effect": "NoSchedule"}
"""Keeps every pod away that was not meant to run for real: the others belong on simulated nodes."""

PAUSE_IMAGE = "localhost/nemotron-lab/pause:1.0.0"
"""The sandbox of every pod."""

CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class NodeFolder:
    """Where a real node keeps everything, and what its settings refer to."""

    cluster: Path

    @property
    def settings(self) -> Path:
        """The files that this module writes."""
        return self.cluster / "node" / "settings"

    @property
    def state(self) -> Path:
        """What containerd knows of running containers."""
        return self.cluster / "node" / "containerd"

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return self.cluster / "node" / "containerd.sock"

    @property
    def kubelet(self) -> Path:
        """The kubelet's volumes and certificates."""
        return self.cluster / "node" / "kubelet"

    @property
    def volumes(self) -> Path:
        """The directories behind the node's PersistentVolumes."""
        return self.cluster / "node" / "volumes"

    @property
    def kubeconfig(self) -> Path:
        """How the node's programs reach the API server."""
        return self.settings / "kubeconfig.yaml"


def image_store(cluster: Path, network: NodeNetwork) -> Path:
    """Say where containerd keeps images. They outlive the cluster, since a serving image takes minutes to unpack.

    The next cluster has them too, whatever its name: as long as one lives, no other has its network's number.
    """
    return cluster.parent.parent / "node-images" / str(network.index)


def render_containerd(folder: NodeFolder, network: NodeNetwork, *, shim: Path, runc: Path, cni_programs: Path) -> str:
    """Write containerd's configuration: folders, socket and pause image of its own."""
    return _read_template("containerd.toml").substitute(
        root=image_store(folder.cluster, network),
        state=folder.state,
        socket=folder.socket,
        sandbox_image=PAUSE_IMAGE,
        shim=shim,
        runc=runc,
        cni_programs=cni_programs,
        cni_settings=folder.settings / "cni",
    )


def render_cni(folder: NodeFolder, network: NodeNetwork) -> str:
    """Write the pod network: one bridge, which is the pods' way to Services and to the API server."""
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": "cni0",
        # Without a default route, pods reach no Service address.
        "isDefaultGateway": True,
        "ipMasq": False,
        # A pod may be its own Service's answer.
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder.cluster / "node" / "addresses"),
            "ranges": [[{"subnet": network.pods}]],
        },
    }
    return json.dumps({"cniVersion": "1.0.0", "name": "nemotron-lab", "plugins": [bridge]}, indent=2)


def render_corefile(folder: NodeFolder, network: NodeNetwork) -> str:
    """Write the DNS server's configuration."""
    return _read_template("Corefile").substitute(node_address=network.node_address, kubeconfig=folder.kubeconfig)


def render_kubelet(folder: NodeFolder, network: NodeNetwork) -> str:
    """Write the kubelet's configuration."""
    settings: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.node_address,
        "healthzBindAddress": network.node_address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(folder.cluster / "pki" / "ca.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{network.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{folder.socket}",
        "clusterDNS": [network.node_address],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(folder.settings / "resolv.conf"),
        "podLogsDir": str(folder.cluster / "node" / "pod-logs"),
        "volumePluginDir": str(folder.cluster / "node" / "volume-plugins"),
        # The disk is the developer's own: neither its size nor how full it is may decide about a test.
        "localStorageCapacityIsolation": False,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "64Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "registerWithTaints": [DEVELOPMENT_TAINT],
        # Secrets and ConfigMaps of a lab change often; the default lets a pod wait a minute for them.
        "syncFrequency": "10s",
    }
    return yaml.safe_dump(settings)


def render_kube_proxy(folder: NodeFolder, network: NodeNetwork) -> str:
    """Write kube-proxy's configuration: nftables, in the node's own network namespace."""
    settings: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(folder.kubeconfig)},
        "mode": "nftables",
        "clusterCIDR": network.pods,
        "hostnameOverride": NODE_NAME,
        "healthzBindAddress": f"{network.node_address}:10256",
        "oomScoreAdj": 0,
        # These limits are the whole machine's, and not for a namespace to set.
        "conntrack": {"maxPerCore": 0, "min": 0},
    }
    return yaml.safe_dump(settings)


def render_kubeconfig(view: dict[str, Any], network: NodeNetwork, port: int) -> str:
    """Turn the administrator's flattened kubeconfig into one that works inside the node."""
    cluster = {**view["clusters"][0]["cluster"], "server": f"https://{network.host_address}:{port}"}
    return json.dumps({**view, "clusters": [{**view["clusters"][0], "cluster": cluster}]})


def _read_template(name: str) -> Template:
    return Template((NODE_FILES / name).read_text())
