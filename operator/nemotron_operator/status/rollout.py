"""Tell how a rollout goes: its strategy, the update that waits, and the revision that was taken back."""

from nemotron_operator.api.conditions import ConditionType, Finding, Reason
from nemotron_operator.api.rollout import RolloutStatus
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.plan.rollout import FailedRevision, RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.judgement import Decision, Judged, no, yes
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.rollout_trouble import explain_rollout


def tell_rollout(rollout: RolloutPlan | None, previous: RolloutStatus | None) -> RolloutStatus | None:
    """Tell how pods are replaced; without a plan, what was told before."""
    if rollout is None:
        return previous
    return RolloutStatus(
        strategy=rollout.strategy,
        message=rollout.why,
        operator_version=rollout.operator_version or None,
        available_revision=rollout.update.revision if rollout.update else None,
    )


def find_update(rollout: RolloutPlan | None, name: str, namespace: str) -> tuple[Finding, ...]:
    """Find that this operator would render other pods, which is told only while it is so."""
    update = rollout.update if rollout else None
    if update is None:
        return ()
    message = (
        f"This operator would render other pods than version {update.rendered_by or 'unknown'} did for the same spec: "
        f"{'; '.join(update.differences)}. `nemoctl adopt {name} -n {namespace}` takes that; so does the next change "
        "of the spec that reaches the pods."
    )
    return (yes(ConditionType.UPDATE_AVAILABLE, Reason.NEW_DEFAULTS, message),)


def find_taken_back(rollout: RolloutPlan | None, decision: Decision, observation: Observation) -> Judged | None:
    """Find that the desired revision failed and the one before it serves in its place; None while it may serve."""
    failure = rollout.failure if rollout else None
    if failure is None:
        return None
    ready, identity = observation.ready_pods, decision.identity
    now = f"the revision before it is back: {ready} of {len(observation.server_pods)} pods serve"
    message = (
        f"Revision {failure.revision} failed, and {now}. {failure.message} Change the spec, or try the same again with "
        f"`nemoctl restart {identity.name} -n {identity.namespace}`."
    )
    return Judged(no(ConditionType.READY, failure.reason, message), needs_human=True)


def has_begun_to_serve(before: NemotronDeploymentStatus, after: NemotronDeploymentStatus) -> bool:
    """Tell whether the desired revision serves as a whole now, and did not before."""
    return _serves(after) and not (_serves(before) and before.desired_revision == after.desired_revision)


def find_failed_rollout(decision: Decision, observation: Observation, rollout: RolloutPlan) -> FailedRevision | None:
    """Find that a rollout left nothing that serves, so that the revision before it has to be taken back.

    It takes a failure that waits for a human, and an earlier revision that served; a revision that served itself is
    never taken back.
    """
    is_possible = rollout.can_go_back and rollout.failure is None and rollout.record is None
    if not is_possible or not isinstance(decision, ServingPlan) or observation.ready_pods > 0:
        return None
    trouble = explain_rollout(decision, observation)
    if trouble is None or not trouble.needs_human:
        return None
    return FailedRevision(rollout.revision, trouble.reason, trouble.message)


def _serves(status: NemotronDeploymentStatus) -> bool:
    ready = next((each for each in status.conditions if each.type == ConditionType.READY), None)
    return ready is not None and ready.status == "True" and status.desired_revision == status.serving_revision
