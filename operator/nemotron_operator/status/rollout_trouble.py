"""Explain what keeps a rollout from its end."""

from dataclasses import replace

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.names import name_groups
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.failed_pods import explain_failed_pods
from nemotron_operator.status.gpu_wait import read_need
from nemotron_operator.status.group_restarts import explain_restart
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_pods import ObservedPod
from nemotron_operator.status.pod_causes import (
    NODE_LOST_OF_GROUP,
    NODE_LOST_WITH_LEAVING_POD,
    PODS_OVER_QUOTA,
    PODS_REFUSED,
)
from nemotron_operator.status.trouble import explain_pods

_LACKS = frozenset({Reason.WAITING_FOR_GPU, Reason.UNSCHEDULABLE})
"""Reasons of a pod that lacks what a lost node may have had."""


def explain_rollout(decision: Decision, observation: Observation) -> Trouble | None:
    """Explain the pods that do not run, and a rollout that takes too long; None while all goes as it should."""
    silence = _explain_silence(decision, observation)
    if silence is not None:
        return silence
    trouble = _explain_server_pods(decision, observation)
    is_repaired = isinstance(decision, ServingPlan) and decision.cache.damage is not None
    if trouble is not None and (is_repaired or trouble.reason is Reason.DAMAGED):
        # It is fetched again, however long that takes, but for a spec that is refused, and weights of the user's.
        is_fetched = isinstance(decision, ServingPlan) and decision.cache.download is not None
        return replace(trouble, needs_human=not is_fetched)
    if trouble is not None and trouble.reason in {Reason.WAITING_FOR_GPU, Reason.WAITING_FOR_QUOTA}:
        # However long that takes, nothing is wrong with what waits.
        return trouble
    deadline = observation.server.deadline_message if observation.server else ""
    if deadline and (trouble is None or not trouble.needs_human):
        detail = f" {trouble.message}" if trouble else ""
        message = f"The rollout exceeded its deadline: {deadline}{detail} {_tell_where_to_look(decision, observation)}"
        return Trouble(Reason.PROGRESS_DEADLINE_EXCEEDED, message, needs_human=True)
    return trouble


def _explain_silence(decision: Decision, observation: Observation) -> Trouble | None:
    """Explain that nobody acts on what shall make the pods: the kind is there, and what brings it to life is not."""
    if observation.server is None or not observation.server.is_unanswered:
        return None
    identity = decision.identity
    name = name_groups(identity.name)
    message = (
        f"The LeaderWorkerSet controller does not answer: it has not seen what LeaderWorkerSet {name!r} asks for, so "
        "no pod is made or replaced. `kubectl get pods -n lws-system` shows whether it runs, and `kubectl -n "
        f"{identity.namespace} describe lws {name}` what it could not do. It goes on by itself then."
    )
    return Trouble(Reason.ROLLING_OUT, message, needs_human=True)


def _explain_server_pods(decision: Decision, observation: Observation) -> Trouble | None:
    """Explain the pods that are there, then those that may not be made, and those that a node ended or keeps.

    A pod that is led by another serves nobody, but without it the other one does not get ready.
    """
    namespace = decision.identity.namespace
    need = read_need(decision, observation) if isinstance(decision, ServingPlan) else None
    pods = (*observation.server_pods, *observation.worker_pods)
    trouble = explain_pods(pods, namespace, observation.claim, need)
    lost = _explain_lost_pod(observation, trouble)
    restart = _explain_restart(observation, namespace, trouble)
    if restart is not None and (lost is None or restart.needs_human):
        trouble = restart
    ended = [pod for pod in observation.failed_pods if not pod.is_lost]
    failed = explain_failed_pods(ended, [pod for pod in pods if not pod.unready])
    found = [each for each in (trouble, _explain_refusal(decision, observation), lost, failed) if each is not None]
    first = min(found, key=lambda each: not each.needs_human, default=None)
    others = [each.message for each in found if each is not first]
    return replace(first, message=" ".join([first.message, *others])) if first is not None else None


def _explain_restart(observation: Observation, namespace: str, trouble: Trouble | None) -> Trouble | None:
    """Explain groups that are made anew, where nothing of their pods is told, or only what may follow from that."""
    restart = explain_restart(observation, namespace)
    if restart is None or trouble is None:
        return restart
    is_cause = restart.needs_human or bool(observation.ending_pods)
    return restart if trouble.reason is Reason.ENGINE_UNREADY and is_cause else None


def _explain_refusal(decision: Decision, observation: Observation) -> Trouble | None:
    """Explain that pods are missing since the API server refuses them.

    It may pass by itself: where a quota fits exactly, a pod is refused until the one before it has ended.
    """
    server = observation.server
    if server is None or not server.refusal:
        return None
    said = server.refusal
    explanation = PODS_OVER_QUOTA if "exceeded quota" in said else PODS_REFUSED
    words = {"name": decision.identity.name, "namespace": decision.identity.namespace, "said": said.rstrip(".")}
    return explanation.explain(words, needs_human=server.refusal_lasts and not _list_starting(observation))


def _explain_lost_pod(observation: Observation, trouble: Trouble | None) -> Trouble | None:
    """Explain a pod that was told to go and cannot, as its node is lost; None where that keeps no other from serving.

    In a group it keeps its name. A Deployment makes another at once, but for one that replaces all its pods together:
    the new one may only lack the node, or what the lost pod holds.
    """
    lost = [pod for pod in observation.failed_pods if pod.is_lost]
    own = next((pod for pod in lost if pod.group), None)
    if own is not None:
        return NODE_LOST_OF_GROUP.explain({"pod": own.name, "node": own.node})
    is_replaced = bool(_list_starting(observation)) if trouble is None else trouble.reason not in _LACKS
    if not lost or is_replaced:
        return None
    return NODE_LOST_WITH_LEAVING_POD.explain({"pod": lost[-1].name, "node": lost[-1].node})


def _list_starting(observation: Observation) -> list[ObservedPod]:
    return [pod for pod in observation.server_pods if not pod.ready and not pod.unready]


def _tell_where_to_look(decision: Decision, observation: Observation) -> str:
    """Tell what says most of a rollout that is late: with kubectl, a Deployment stands for one of its pods."""
    identity, pods = decision.identity, observation.server_pods
    is_group = observation.server is not None and observation.server.kind != "Deployment"
    waiting = [pod for pod in pods if not pod.ready]
    led = {pod.group for pod in observation.worker_pods}
    if not pods or (is_group and waiting and waiting[0].group not in led):
        return f"{tell_what_makes_pods(decision, observation)} why no pod is there."
    name = (waiting or pods)[0].name if is_group else f"deploy/{identity.name}"
    return f"`kubectl -n {identity.namespace} logs {name}` shows the engine."


def tell_what_makes_pods(decision: Decision, observation: Observation) -> str:
    """Begin a sentence with the command that shows why pods are missing: a leader's StatefulSet makes its workers."""
    identity = decision.identity
    what = f"deployment {identity.name}"
    if observation.server is not None and observation.server.kind != "Deployment":
        leader = next((pod.name for pod in observation.server_pods if not pod.ready), name_groups(identity.name))
        what = f"statefulset {leader}"
    return f"`kubectl -n {identity.namespace} describe {what}` shows"
