"""Simulated nodes, labelled as GPU feature discovery labels real ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GPUS_PER_NODE = 8

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
"""Keeps everything that asks for no GPU off the expensive nodes, as GPU clusters usually do."""

SIMULATION_TAINT = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}
"""Keeps off a simulated node what no real node has to share with it, as KWOK's own examples do."""


@dataclass(frozen=True)
class Gpu:
    """A kind of GPU, as its labels tell it."""

    product: str
    memory_mib: int
    machine: str


H100 = Gpu(product="NVIDIA-H100-80GB-HBM3", memory_mib=81559, machine="DGXH100")
H100_NVL = Gpu(product="NVIDIA-H100-NVL", memory_mib=95830, machine="PowerEdge-XE8640")
H200 = Gpu(product="NVIDIA-H200", memory_mib=143771, machine="DGXH200")


def simulated_pool(h100: int = 3, h100_nvl: int = 1, h200: int = 1) -> list[dict[str, Any]]:
    """Make the GPU nodes `h100-0`, `h100-nvl-0`, `h200-0` and so on."""
    counts = (("h100", H100, h100), ("h100-nvl", H100_NVL, h100_nvl), ("h200", H200, h200))
    names = [(f"{prefix}-{index}", gpu) for prefix, gpu, count in counts for index in range(count)]
    return [gpu_node(name, gpu, number) for number, (name, gpu) in enumerate(names, start=1)]


def gpu_node(name: str, gpu: Gpu, number: int) -> dict[str, Any]:
    """Make one node of eight GPUs; the number makes its addresses its own."""
    resources = {"cpu": "192", "memory": "2Ti", "ephemeral-storage": "14Ti", "pods": "110"}
    node = _node(name, number, {**resources, "nvidia.com/gpu": str(GPUS_PER_NODE)}, gpu_labels(gpu))
    node["spec"]["taints"] = [GPU_TAINT]
    return node


def cpu_node(name: str = "cpu-0", number: int = 250, *, is_tainted: bool = False) -> dict[str, Any]:
    """Make the small node that takes any pod; tainted, it leaves to a real node what has to run for real."""
    resources = {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "1Ti", "pods": "110"}
    node = _node(name, number, resources, {})
    if is_tainted:
        node["spec"]["taints"] = [SIMULATION_TAINT]
    return node


def gpu_labels(gpu: Gpu) -> dict[str, str]:
    """Write what GPU feature discovery writes about a Hopper node with whole GPUs."""
    return {
        "nvidia.com/cuda.driver-version.full": "580.95.05",
        "nvidia.com/cuda.driver-version.major": "580",
        "nvidia.com/cuda.runtime-version.major": "13",
        "nvidia.com/gpu.compute.major": "9",
        "nvidia.com/gpu.compute.minor": "0",
        "nvidia.com/gpu.count": str(GPUS_PER_NODE),
        "nvidia.com/gpu.family": "hopper",
        "nvidia.com/gpu.machine": gpu.machine,
        "nvidia.com/gpu.memory": str(gpu.memory_mib),
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": gpu.product,
        "nvidia.com/gpu.replicas": "1",
        "nvidia.com/gpu.sharing-strategy": "none",
        "nvidia.com/mig.capable": "true",
        "nvidia.com/mig.strategy": "single",
    }


def _node(name: str, number: int, resources: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, Any]:
    common = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    pod_network = f"10.200.{number}.0/24"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**common, **labels},
            # KWOK plays the kubelet of nodes with this annotation, and of no others.
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"podCIDR": pod_network, "podCIDRs": [pod_network]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": f"172.30.0.{number}"},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": dict(resources),
            "capacity": dict(resources),
        },
    }
