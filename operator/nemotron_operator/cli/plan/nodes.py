"""Whether a node pool holds the planned replicas: so many empty nodes, or those of a cluster."""

from collections.abc import Sequence

from nemotron_operator.cli.offline import Offline
from nemotron_operator.cli.plan.options import NodeQuestion
from nemotron_operator.cli.plan.packing import Demand, Packing, pack
from nemotron_operator.cli.plan.report import PlanReport, PoolReport
from nemotron_operator.config import AcceleratorProfile
from nemotron_operator.plan.node_pool import NodeGpus


def add_pool(reports: Sequence[PlanReport], question: NodeQuestion, offline: Offline) -> list[PlanReport]:
    """Add to each answer what the pool holds; the deployments of one accelerator share its nodes.

    Raises
    ------
    OperatorError
        The cluster cannot be asked, or refuses.
    """
    sized = [report for report in reports if report.nodes is not None and report.accelerator is not None]
    names = dict.fromkeys(report.accelerator for report in sized if report.accelerator is not None)
    profiles = {name: offline.config.accelerators[name] for name in names}
    pools = _read_pools(profiles, question, sized)
    answers: dict[int, PlanReport] = {}
    for name, nodes in pools.items():
        ours = [report for report in sized if report.accelerator == name]
        answers |= {id(report): answer for report, answer in zip(ours, _answer(ours, nodes, question), strict=True)}
    return [answers.get(id(report), report) for report in reports]


def _read_pools(
    profiles: dict[str, AcceleratorProfile], question: NodeQuestion, reports: Sequence[PlanReport]
) -> dict[str, list[NodeGpus]]:
    """Find the nodes of each accelerator."""
    if question.nodes is not None:
        return {name: [NodeGpus(profile.gpus_per_node, 0)] * question.nodes for name, profile in profiles.items()}
    from nemotron_operator.cli.plan.cluster import read_cluster_pools

    own = frozenset((report.namespace, report.name) for report in reports)
    return read_cluster_pools(profiles, own, question.kubeconfig, question.context)


def _answer(reports: Sequence[PlanReport], nodes: Sequence[NodeGpus], question: NodeQuestion) -> list[PlanReport]:
    demands = [_read_demand(report) for report in reports]
    now = pack([node.free for node in nodes], demands)
    empty = pack([node.allocatable for node in nodes], demands)
    answers = []
    for place, report in enumerate(reports):
        pool = PoolReport(
            source="cluster" if question.is_cluster else "empty nodes",
            nodes=len(nodes),
            free_gpus=sum(node.free for node in nodes),
            largest_free_gpus=max((node.free for node in nodes), default=0),
            replicas=now.placed[place],
            replicas_when_empty=empty.placed[place],
            holds_all=now.placed[place] == demands[place].replicas,
            missing=_describe_missing(report, demands[place], now.placed[place], now),
        )
        parts = report.nodes.model_copy(update={"pool": pool}) if report.nodes else None
        answers.append(report.model_copy(update={"nodes": parts}))
    return answers


def _read_demand(report: PlanReport) -> Demand:
    """Ask for a pod for each node of each replica. Those of one replica never share a node; others may."""
    gpus, nodes = report.gpus_per_replica or 0, report.nodes_per_replica or 1
    return Demand((report.gpus or 0) // gpus if gpus else 0, gpus // nodes, nodes)


def _describe_missing(report: PlanReport, demand: Demand, placed: int, packing: Packing) -> str | None:
    if placed == demand.replicas:
        return None
    if not packing.free_gpus:
        return f"there is no ready node with {report.accelerator}"
    lacking = demand.replicas - placed
    each = "" if lacking == 1 else f" for each of {lacking} more replicas"
    where = "one node" if demand.pods == 1 else f"each of {demand.pods} nodes"
    found = f"{_describe_found(demand, packing)}{_describe_others(demand, placed)}"
    return f"needs {demand.gpus} free {report.accelerator} on {where}{each}; {found}"


def _describe_found(demand: Demand, packing: Packing) -> str:
    """Say what is left; where a replica needs several nodes, some may have enough."""
    enough = sum(free >= demand.gpus for free in packing.free_gpus)
    if enough:
        return f"only {'1 node has' if enough == 1 else f'{enough} nodes have'} so many"
    return f"the best node has {max(packing.free_gpus)}"


def _describe_others(demand: Demand, placed: int) -> str:
    if placed == 0:
        return ""
    if demand.pods == 1:
        return f" beside the {placed} that found a node"
    return f" beside the {'1 replica that found its' if placed == 1 else f'{placed} replicas that found their'} nodes"
