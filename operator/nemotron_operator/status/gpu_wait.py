"""Explain a pod that waits for GPUs."""

from dataclasses import dataclass

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.rollout.capacity import describe_need, find_room
from nemotron_operator.status.explanation import Explanation
from nemotron_operator.status.observation import Observation, ObservedPod
from nemotron_operator.status.pod_causes import NO_NODE, WAITING_FOR_GPU


@dataclass(frozen=True, slots=True)
class GpuNeed:
    """What a replica needs, and where it could be."""

    resource: str
    gpus: int
    accelerator: str
    nodes: tuple[NodeGpus, ...] | None
    """None where nobody may know."""


def read_need(plan: ServingPlan, observation: Observation) -> GpuNeed:
    """Read what a replica of a plan needs."""
    return GpuNeed(plan.pod.gpu_resource, plan.pod.gpus, plan.accelerator, observation.gpu_nodes)


def explain_scheduling(pod: ObservedPod, need: GpuNeed | None) -> tuple[Explanation, dict[str, str]]:
    """Explain a pod that has no node: GPUs that are taken, or something else, which the scheduler says best.

    Notes
    -----
    The scheduler counts nodes (`3 Insufficient nvidia.com/gpu`), also those that do not matter: where a node has the
    GPUs free, another of its words is the cause.
    """
    said = {"said": pod.unschedulable}
    if need is None or f"Insufficient {need.resource}" not in pod.unschedulable:
        return NO_NODE, said
    if need.nodes is None:
        return WAITING_FOR_GPU, {"need": f"needs {need.gpus} free {need.accelerator} on one node ({said['said']})"}
    if (room := find_room(need.nodes, need.gpus)) is not None:
        there = f"Node {room.name} has {room.free} {need.accelerator} free, so it is not the GPUs alone."
        return NO_NODE, {"said": f"{pod.unschedulable} {there}"}
    return WAITING_FOR_GPU, {"need": describe_need(need.gpus, need.accelerator, need.nodes)}
