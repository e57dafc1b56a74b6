"""Decide how new pods replace those that serve, once, when a rollout begins."""

from collections.abc import Sequence
from dataclasses import dataclass

from nemotron_operator.plan.node_pool import NodeGpus
from nemotron_operator.plan.rollout import RolloutPlan, Strategy
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.revision_record import FIRST_ROLLOUT
from nemotron_operator.rollout.capacity import describe_room, find_room
from nemotron_operator.rollout.facts import LiveServer
from nemotron_operator.rollout.revision import ChosenRevision


@dataclass(frozen=True, slots=True)
class Choice:
    """A strategy, and why."""

    strategy: Strategy
    why: str


def needs_room(plan: ServingPlan, chosen: ChosenRevision, live: LiveServer | None) -> bool:
    """Tell whether the choice depends on the GPUs that are free: when an automatic rollout begins, or is stuck."""
    return plan.rollout_strategy == "Auto" and live is not None and live.replicas > 0 and _is_open(chosen, live)


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
        base_revision=chosen.record.base_revision,
        inputs=plan.inputs,
        operator_version=chosen.record.operator_version,
        strategy=choice.strategy,
        why=choice.why,
        record=chosen.record if chosen.is_new else None,
        forgotten=chosen.forgotten,
        update=chosen.update,
        failure=chosen.failure,
        can_go_back=chosen.can_go_back,
    )


def _is_open(chosen: ChosenRevision, live: LiveServer) -> bool:
    """Tell whether the strategy is to be decided: the pods change, or the ones that were to come first cannot."""
    is_stuck = live.strategy == "Surge" and not live.is_settled and live.is_short_of_gpus
    return live.revision != chosen.revision or is_stuck


def _choose_strategy(
    plan: ServingPlan, chosen: ChosenRevision, live: LiveServer | None, nodes: Sequence[NodeGpus] | None
) -> Choice:
    match plan.rollout_strategy:
        case "Surge":
            return Choice("Surge", "spec.rollout.strategy says so.")
        case "Replace":
            return Choice("Replace", "spec.rollout.strategy says so.")
        case _ if live is None or live.replicas == 0:
            return Choice("Replace", FIRST_ROLLOUT)
        case _ if not _is_open(chosen, live):
            return Choice(live.strategy, live.why)
        case _:
            return _choose_by_room(plan, nodes)


def _choose_by_room(plan: ServingPlan, nodes: Sequence[NodeGpus] | None) -> Choice:
    if nodes is None:
        why = "The operator may not list nodes and pods, so it does not know which GPUs are free."
        return Choice("Replace", why)
    room = find_room(nodes, plan.pod.gpus)
    return Choice("Replace" if room is None else "Surge", describe_room(plan, nodes))
