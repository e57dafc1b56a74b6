"""Explain what keeps a rollout from its end."""

from dataclasses import replace

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.trouble import Trouble, explain_pods


def explain_rollout(decision: Decision, observation: Observation) -> Trouble | None:
    """Explain the pods that do not run, and a rollout that takes too long; None while all goes as it should."""
    namespace = decision.identity.namespace
    trouble = explain_pods(observation.server_pods, namespace, observation.claim)
    is_repaired = isinstance(decision, ServingPlan) and decision.cache.damage is not None
    if trouble is not None and (is_repaired or trouble.reason is Reason.DAMAGED):
        # It is fetched again, however long that takes, but for a spec that is refused, and weights of the user's.
        is_fetched = isinstance(decision, ServingPlan) and decision.cache.download is not None
        return replace(trouble, needs_human=not is_fetched)
    deadline = observation.server.deadline_message if observation.server else ""
    if deadline and (trouble is None or not trouble.needs_human):
        detail = f" {trouble.message}" if trouble else ""
        message = (
            f"The rollout exceeded its deadline: {deadline}{detail} `kubectl -n {namespace} logs deploy/"
            f"{decision.identity.name}` shows the engine."
        )
        return Trouble(Reason.PROGRESS_DEADLINE_EXCEEDED, message, needs_human=True)
    return trouble
