"""Simulated GPU nodes of one test alone: no test waits for the GPUs of another, nor leaves it any."""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from lab.bring_up import apply
from lab.control_plane import ControlPlane
from lab.nodes import GPU_TAINT, H100, gpu_node
from nemotron_operator.cluster.platform import GPU_POOL_SECONDS
from tests.support.cluster import FP8, Body, a_resource

POOL_KEY = "test/pool"
"""Label of the nodes, which the resource asks for, and taint that keeps all others off."""

ELSEWHERE = "default"
"""The namespace of the pods of others."""

_numbers = itertools.count(100)


@dataclass
class GpuPool:
    """Nodes `<name>-0`, `<name>-1` and so on, of eight H100s each, and the pods of others on them."""

    plane: ControlPlane
    name: str
    _nodes: list[str] = field(default_factory=list)
    _pods: list[str] = field(default_factory=list)
    _changed_at: float = 0.0

    def add_node(
        self, taints: tuple[Mapping[str, str], ...] = (), *, cordoned: bool = False, dead: bool = False
    ) -> str:
        """Add a node and return its name: one with more taints, or cordoned, or without a kubelet."""
        node = gpu_node(f"{self.name}-{len(self._nodes)}", H100, 100 + next(_numbers) % 150)
        node["metadata"]["labels"][POOL_KEY] = self.name
        own_taint = {"key": POOL_KEY, "value": self.name, "effect": "NoSchedule"}
        node["spec"] |= {"taints": [GPU_TAINT, own_taint, *taints], "unschedulable": cordoned}
        if dead:
            node["metadata"].pop("annotations")
            node["status"]["conditions"] = [{"type": "Ready", "status": "False", "reason": "KubeletNotReady"}]
        name: str = node["metadata"]["name"]
        self._nodes.append(name)
        apply(self.plane, [node])
        self._changed_at = time.monotonic()
        self.plane.kubectl("wait", f"--for=condition=Ready={not dead}", f"node/{name}", "--timeout=40s")
        return name

    def take(self, node: str, gpus: int) -> str:
        """Take GPUs of a node with a pod of another namespace, whatever the scheduler does, and return its name."""
        name = f"{node}-taker-{len(self._pods)}"
        resources = {"limits": {"nvidia.com/gpu": str(gpus)}}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": ELSEWHERE},
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i", "resources": resources}]},
        }
        apply(self.plane, [pod])
        self._changed_at = time.monotonic()
        self._pods.append(name)
        return name

    def free(self, pod: str) -> None:
        """Give back what a pod took."""
        self.plane.kubectl("-n", ELSEWHERE, "delete", "pod", pod, "--wait=false")
        self._pods.remove(pod)

    def settle(self) -> None:
        """Wait until the operator, which remembers the nodes of a cluster for a while, has to look at these."""
        time.sleep(max(0.0, self._changed_at + GPU_POOL_SECONDS + 0.1 - time.monotonic()))

    def other_than(self, node: str) -> str:
        """Name the other one of two nodes."""
        (other,) = (each for each in self._nodes if each != node)
        return other

    def clear(self) -> None:
        """Give back what pods of others took; the nodes stay, as pods that end need theirs to come to their end."""
        for pod in list(self._pods):
            self.free(pod)

    def a_resource(self, name: str = "nemotron", /, **spec: object) -> Body:
        """Make a NemotronDeployment for these nodes, whose weights every node can mount."""
        template = cast("Body", spec.pop("podTemplate", {}))
        added = {"nodeSelector": {POOL_KEY: self.name}, "tolerations": [{"key": POOL_KEY, "value": self.name}]}
        spec.setdefault("cache", {"accessModes": ["ReadWriteMany"]})
        return a_resource(name, FP8, podTemplate={**added, **template}, **spec)
