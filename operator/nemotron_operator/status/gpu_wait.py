"""Explain a pod that waits for GPUs."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.rollout.capacity import describe_need, describe_wanted, find_room
from nemotron_operator.status.explanation import Explanation
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_pods import ObservedPod
from nemotron_operator.status.pod_causes import NO_NODE, WAITING_FOR_GPU

_INSUFFICIENT = re.compile(r"Insufficient (\S+)")


@dataclass(frozen=True, slots=True)
class GpuNeed:
    """What a replica needs, and where it could be."""

    resource: str
    gpus: int
    accelerator: str
    nodes: tuple[NodeGpus, ...] | None
    """None where nobody may know."""
    group_size: int = 1
    """Pods of a replica, each of which takes so many GPUs of a node of its own."""
    placed: Mapping[str, int] = field(default_factory=dict)
    """How many pods of each group have a node."""


def read_need(plan: ServingPlan, observation: Observation) -> GpuNeed:
    """Read what a replica of a plan needs."""
    pods = (*observation.server_pods, *observation.worker_pods)
    placed = Counter(pod.group for pod in pods if pod.node and pod.group)
    pod = plan.pod
    return GpuNeed(pod.gpu_resource, pod.gpus, plan.accelerator, observation.gpu_nodes, plan.nodes, placed)


def explain_scheduling(pod: ObservedPod, need: GpuNeed | None) -> tuple[Explanation, dict[str, str]]:
    """Explain a pod that has no node: GPUs that are taken, or something else, which the scheduler says best.

    Notes
    -----
    The scheduler counts nodes (`3 Insufficient nvidia.com/gpu`), also those that do not matter. A node that has GPUs
    free lacks what else is insufficient, may be out of reach of the volume, or is about to be taken.
    """
    said = pod.unschedulable
    if need is None or f"Insufficient {need.resource}" not in said:
        return NO_NODE, {"said": said}
    found = need.placed.get(pod.group, 0)
    wanted = describe_wanted(need.gpus, need.accelerator, need.group_size, found)
    if need.nodes is None:
        return WAITING_FOR_GPU, {"need": f"{wanted}: {said}"}
    room = find_room(need.nodes, need.gpus, max(1, need.group_size - found))
    if not room:
        missing = describe_need(need.gpus, need.accelerator, need.nodes, need.group_size, found)
        return WAITING_FOR_GPU, {"need": f"{missing}."}
    there = f"node {room[0].name} has {room[0].free} {need.accelerator} free"
    if _lacks_others(said, need.resource):
        return NO_NODE, {"said": f"{said} As {there}, it is not the GPUs alone."}
    return WAITING_FOR_GPU, {"need": f"{wanted}; {there}, but the scheduler said: {said}"}


def _lacks_others(said: str, resource: str) -> bool:
    return any(word.rstrip(".,") != resource for word in _INSUFFICIENT.findall(said))
