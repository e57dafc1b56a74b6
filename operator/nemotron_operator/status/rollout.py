"""Tell how a rollout goes: its strategy, the update that waits, and the revision that was taken back."""

from collections.abc import Sequence
from dataclasses import replace

from nemotron_operator.api.conditions import ConditionType, Finding, Reason
from nemotron_operator.api.rollout import RolloutStatus
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.plan.rollout import FailedRevision, RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.metadata import PINNED_REVISION_ANNOTATION
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.judgement import Decision, Judged, no, yes
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_pods import ObservedPod
from nemotron_operator.status.observed_servers import ObservedServer
from nemotron_operator.status.rollout_trouble import explain_rollout

_LONGEST_PIN = 64
"""Characters of what somebody wrote that are repeated."""

_SUFFIX_LENGTH = 5
"""Characters that the API server adds to the name of a ReplicaSet to make that of a pod."""


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
    is_suspended = isinstance(decision, ServingPlan) and decision.replicas == 0
    if failure is None or is_suspended:
        return None
    ready, identity = observation.ready_pods, decision.identity
    trouble = explain_rollout(decision, observation)
    now = f"the revision before it is back: {ready} of {len(observation.server_pods)} pods serve"
    message = (
        f"Revision {failure.revision} failed, and {now}. {failure.message} Change the spec, or try the same again with "
        f"`nemoctl restart {identity.name} -n {identity.namespace}`."
    )
    if trouble is not None:
        message += f" Of the revision before: {trouble.message}"
    return Judged(no(ConditionType.READY, failure.reason, message), needs_human=True)


def tell_unknown_pin(ready: Judged, rollout: RolloutPlan | None, decision: Decision) -> Judged:
    """Add that somebody chose a revision that nobody knows, which changes nothing."""
    if rollout is None or rollout.unknown_pin is None:
        return ready
    identity = decision.identity
    words = (
        f" Annotation {PINNED_REVISION_ANNOTATION} names {rollout.unknown_pin[:_LONGEST_PIN]!r}, which is neither kept "
        f"nor waiting, and changes nothing: `nemoctl history {identity.name} -n {identity.namespace}` lists what is "
        f"kept, and `kubectl -n {identity.namespace} annotate nemotrondeployment {identity.name} "
        f"{PINNED_REVISION_ANNOTATION}-` removes it."
    )
    return replace(ready, finding=ready.finding.model_copy(update={"message": ready.finding.message + words}))


def explain_pause(decision: Decision, observation: Observation) -> Trouble | None:
    """Explain that somebody paused the Deployment, so that no pod comes: the operator leaves that to its owner."""
    if observation.server is None or not observation.server.is_paused:
        return None
    identity = decision.identity
    message = (
        f"Somebody paused Deployment {identity.name!r}, so no pod is replaced: `kubectl -n {identity.namespace} "
        f"rollout resume deployment {identity.name}` goes on."
    )
    return Trouble(Reason.ROLLING_OUT, message, needs_human=True)


def is_serving(status: NemotronDeploymentStatus) -> bool:
    """Tell whether the desired revision serves as a whole, and has answered."""
    ready = next((each for each in status.conditions if each.type == ConditionType.READY), None)
    return ready is not None and ready.status == "True" and status.desired_revision == status.serving_revision


def has_begun_to_serve(before: NemotronDeploymentStatus, after: NemotronDeploymentStatus) -> bool:
    """Tell whether the desired revision serves as a whole now, and did not before."""
    return is_serving(after) and not (is_serving(before) and before.desired_revision == after.desired_revision)


def find_failed_rollout(decision: Decision, observation: Observation, rollout: RolloutPlan) -> FailedRevision | None:
    """Find that a rollout left nothing that serves, so that the revision before it has to be taken back.

    It takes a failure of its own pods that waits for a human, and an earlier revision that served; a revision that
    served itself is never taken back. Nor is one whose pods find no GPUs, unless the earlier ones take fewer and the
    deadline is over.
    """
    is_possible = rollout.can_go_back and rollout.failure is None and rollout.record is None
    if not is_possible or not isinstance(decision, ServingPlan) or decision.replicas == 0 or observation.ready_pods > 0:
        return None
    own = _list_own(observation.server_pods, rollout)
    is_short = any(decision.pod.gpu_resource in pod.unschedulable for pod in own)
    if not own or (is_short and not rollout.saves_gpus_by_going_back):
        return None
    seen = replace(
        observation,
        server=_see_own_server(observation, own),
        server_pods=own,
        worker_pods=_list_own(observation.worker_pods, rollout),
        ending_pods=_list_own(observation.ending_pods, rollout),
        failed_pods=(),
    )
    trouble = explain_rollout(decision, seen)
    if trouble is None or not (trouble.needs_human or _has_waited_long(is_short, seen)):
        return None
    return FailedRevision(rollout.revision, trouble.reason, trouble.message)


def _list_own(pods: Sequence[ObservedPod], rollout: RolloutPlan) -> tuple[ObservedPod, ...]:
    return tuple(pod for pod in pods if pod.revision == rollout.applied_revision)


def _has_waited_long(is_short: bool, observation: Observation) -> bool:  # noqa: FBT001 - a fact
    """Tell whether pods waited for GPUs beyond the deadline: waiting is nothing wrong, but something smaller served."""
    return is_short and observation.server is not None and bool(observation.server.deadline_message)


def _see_own_server(observation: Observation, own: Sequence[ObservedPod]) -> ObservedServer | None:
    """Leave out a deadline that others exceeded: it stands until the Deployment's controller sees the first progress.

    Its message names the ReplicaSet (k8s.io/kubernetes, pkg/controller/deployment/progress.go), and so do its pods.
    Nor do pods count that may not be made: the earlier ones would be refused as well.
    """
    server = replace(observation.server, refusal="") if observation.server is not None else None
    if server is not None and server.kind != "Deployment":
        # It says since when, and not for which pods; and whoever does not answer takes none back either.
        return replace(server, deadline_message="", is_unanswered=False)
    if server is None or any(_name_replica_set(pod) in server.deadline_message for pod in own):
        return server
    return replace(server, deadline_message="")


def _name_replica_set(pod: ObservedPod) -> str:
    """Name the ReplicaSet that made a pod, or the beginning of its name, where that was too long."""
    return pod.name[:-_SUFFIX_LENGTH].rstrip("-")
