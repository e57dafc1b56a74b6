"""Tell which kind of object makes the pods that serve: what stands around them follows it, and not the spec."""

from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan


def serves_by_groups(plan: ServingPlan, rollout: RolloutPlan | None) -> bool:
    """Tell whether the pods that serve come in groups.

    Parameters
    ----------
    rollout
        Which pods shall serve: those that were taken back may be of the other kind. None while the next model is
        fetched: what is there goes on until then.
    """
    if rollout is not None:
        return rollout.worker_template is not None
    return plan.nodes > 1 if plan.has_live_groups is None else plan.has_live_groups
