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
from nemotron_operator.status.trouble import explain_pods


def explain_rollout(decision: Decision, observation: Observation) -> Trouble | None:
    """Explain the pods that do not run, and a rollout that takes too long; None while all goes as it should."""
    namespace = decision.identity.namespace
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
        message = (
            f"The rollout exceeded its deadline: {deadline}{detail} `kubectl -n {namespace} logs "
            f"{_name_log(decision, observation)}` shows the engine."
        )
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
    """Explain the pods that are there, then those that a node ended and that they stand for.

    A pod that is led by another serves nobody, but without it the other one does not get ready.
    """
    namespace = decision.identity.namespace
    need = read_need(decision, observation) if isinstance(decision, ServingPlan) else None
    pods = (*observation.server_pods, *observation.worker_pods)
    trouble = explain_pods(pods, namespace, observation.claim, need) or explain_restart(observation, namespace)
    failed = explain_failed_pods(observation.failed_pods, pods)
    if trouble is None or failed is None:
        return trouble or failed
    return replace(trouble, message=f"{trouble.message} {failed.message}")


def _name_log(decision: Decision, observation: Observation) -> str:
    """Name whose log tells most: with kubectl, a Deployment stands for one of its pods."""
    name, waiting = decision.identity.name, [pod.name for pod in observation.server_pods if not pod.ready]
    is_group = observation.server is not None and observation.server.kind != "Deployment"
    return waiting[0] if is_group and waiting else f"deploy/{name}"
