"""Decide how new pods replace those that serve, once, when a rollout begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.rollout import RolloutPlan, Strategy
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.revision_record import FIRST_ROLLOUT
from nemotron_operator.rollout.capacity import count_gpus, describe_room, find_room, is_freed_by_one
from nemotron_operator.rollout.facts import LiveServer
from nemotron_operator.rollout.revision import LONGEST_VERSION, ChosenRevision

_ASKED = "spec.rollout.strategy says"

AS_ASKED = f"{_ASKED} so."
"""Why, where a user decides."""

OTHER_KIND = (
    "One node for each replica, and several, are two kinds of objects: what serves of the one stops first, all of it."
)
"""Why, where a Deployment gives way to a LeaderWorkerSet or the other way round."""

NOTHING_TO_KEEP = "No replica serves, so the old ones stop first and free their GPUs."

LONGEST_REASON = 1024
"""Characters of a reason that the status tells."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A strategy, and why."""

    strategy: Strategy
    why: str


def needs_room(plan: ServingPlan, chosen: ChosenRevision, live: LiveServer | None) -> bool:
    """Tell whether the choice depends on the GPUs that are free: when an automatic rollout begins, or is stuck."""
    if live is None or live.ready_pods == 0 or plan.rollout_strategy != "Auto" or plan.cache.is_for_one_pod:
        return False
    if _is_other_kind(chosen, live):
        return False
    return _is_open(chosen, live) and not _begins(chosen, live)


def plan_rollout(
    plan: ServingPlan, chosen: ChosenRevision, live: LiveServer | None, nodes: Sequence[NodeGpus] | None
) -> RolloutPlan:
    """Put the choice of the pods and that of the strategy together.

    Parameters
    ----------
    nodes
        The nodes on which a new replica could start, with what is free of them; None where nobody may know.
    """
    choice = _choose_strategy(plan, chosen, live, nodes)
    return RolloutPlan(
        revision=chosen.desired_revision,
        applied_revision=chosen.revision,
        pod_template=chosen.template,
        worker_template=chosen.worker_template,
        group_size=chosen.record.group_size,
        base_revision=chosen.record.base_revision,
        inputs=chosen.record.inputs,
        operator_version=chosen.record.operator_version[:LONGEST_VERSION],
        strategy=choice.strategy,
        why=choice.why[:LONGEST_REASON],
        record=chosen.record if chosen.is_new else None,
        forgotten=chosen.forgotten,
        update=chosen.update,
        failure=chosen.failure,
        can_go_back=chosen.can_go_back,
        saves_gpus_by_going_back=chosen.saves_gpus_by_going_back,
        is_unproven=chosen.is_unproven,
        unknown_pin=chosen.unknown_pin,
    )


def _begins(chosen: ChosenRevision, live: LiveServer) -> bool:
    """Tell whether these pods are to be the first: none is wanted yet, and none of theirs was before."""
    return live.replicas == 0 and live.revision != chosen.revision


def _is_open(chosen: ChosenRevision, live: LiveServer) -> bool:
    """Tell whether the strategy is to be decided: the pods change, a user left it to us, or a surge is stuck."""
    is_left_to_us = live.why.startswith(_ASKED)
    return live.revision != chosen.revision or is_left_to_us or _is_stuck(live)


def _is_other_kind(chosen: ChosenRevision, live: LiveServer) -> bool:
    """Tell whether another object makes the new pods than made those that are there."""
    return (chosen.worker_template is None) != (live.worker_template is None)


def _is_stuck(live: LiveServer) -> bool:
    """Tell whether the pods that were to come first cannot: somebody else took the GPUs that were free."""
    return live.strategy == "Surge" and not live.is_settled and live.is_short_of_gpus


def _choose_strategy(
    plan: ServingPlan, chosen: ChosenRevision, live: LiveServer | None, nodes: Sequence[NodeGpus] | None
) -> Choice:
    if live is not None and _is_other_kind(chosen, live):
        return Choice("Replace", OTHER_KIND)
    if plan.rollout_strategy != "Auto":
        return _obey(plan)
    if live is None or _begins(chosen, live):
        return Choice("Replace", FIRST_ROLLOUT)
    if not _is_open(chosen, live):
        return Choice(live.strategy, live.why)
    if live.ready_pods == 0:
        return Choice("Replace", NOTHING_TO_KEEP)
    choice = _replace_on_volume(plan, "One more replica cannot start:") or _choose_by_room(plan, chosen, live, nodes)
    is_decided = live.revision == chosen.revision and not live.why.startswith(_ASKED)
    return Choice(live.strategy, live.why) if is_decided and choice.strategy == live.strategy else choice


def _obey(plan: ServingPlan) -> Choice:
    """Do what the user says, but for a surge that could not begin."""
    if plan.rollout_strategy == "Replace":
        return Choice("Replace", AS_ASKED)
    return _replace_on_volume(plan, f"{_ASKED} Surge, but") or Choice("Surge", AS_ASKED)


def _choose_by_room(
    plan: ServingPlan, chosen: ChosenRevision, live: LiveServer, nodes: Sequence[NodeGpus] | None
) -> Choice:
    gpus, accelerator = count_gpus(chosen.template, plan.pod.gpu_resource), plan.accelerator
    if nodes is None:
        return _choose_blindly(gpus, accelerator, live)
    tied = _find_nodes_of_volume(plan, chosen, live)
    reachable = [node for node in nodes if not tied or node.name in tied]
    size = chosen.record.group_size
    why = describe_room(gpus, accelerator, reachable, size)
    if tied:
        why += f" It has to start where its volume is, on node {' or '.join(sorted(tied))}."
    if find_room(reachable, gpus, size):
        return Choice("Surge", why)
    if is_freed_by_one(reachable, live.pods, gpus, size):
        return Choice("Replace", why)
    return Choice("Surge", f"{why} Stopping an old one would not free enough, so they serve until there is room.")


def _choose_blindly(gpus: int, accelerator: str, live: LiveServer) -> Choice:
    """Replace where the GPUs of an old replica are enough; else the old ones had better go on serving."""
    why = "The operator may not list nodes and pods, so it does not know which GPUs are free"
    held = max((pod.gpus for pod in live.pods), default=gpus)
    if held >= gpus:
        return Choice("Replace", f"{why}.")
    return Choice("Surge", f"{why}, and an old replica holds {held} of the {gpus} {accelerator} that a new one needs.")


def _replace_on_volume(plan: ServingPlan, because: str) -> Choice | None:
    """Replace where a pod excludes all others from its volume: a new one would wait for ever for an old one to end."""
    if not plan.cache.is_for_one_pod:
        return None
    claim = plan.cache.claim_name
    return Choice("Replace", f"{because} volume {claim!r} lets only one pod in at a time (ReadWriteOncePod).")


def _find_nodes_of_volume(plan: ServingPlan, chosen: ChosenRevision, live: LiveServer) -> frozenset[str]:
    """Find the nodes to which a volume ties the new pods; none where it can be anywhere."""
    claim = _name_claim(chosen.template)
    if not plan.cache.is_for_one_node or claim is None:
        return frozenset()
    return frozenset(pod.node for pod in live.pods if claim in pod.claims)


def _name_claim(template: Mapping[str, Any]) -> str | None:
    volumes = template["spec"].get("volumes") or []
    claims = (volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume)
    return next(claims, None)
