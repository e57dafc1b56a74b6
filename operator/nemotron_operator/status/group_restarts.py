"""Explain why groups of pods are made anew, and remember how often: LeaderWorkerSet takes the pods that knew away."""

from dataclasses import replace
from datetime import datetime

from nemotron_operator.api.conditions import Reason, rfc3339
from nemotron_operator.status.engine_words import choose_last_words
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.observation import Observation, ObservedClaim
from nemotron_operator.status.observed_pods import ENDS_OF_A_LOOP, ObservedPod
from nemotron_operator.status.observed_servers import GroupFailures, ObservedServer
from nemotron_operator.status.pod_causes import GROUP_RESTARTING
from nemotron_operator.status.trouble import explain_pods

LONGEST_MEMORY = 1024
"""Characters of a message that are remembered."""


def explain_restart(observation: Observation, namespace: str) -> Trouble | None:
    """Explain a group that is made anew, or loads after that; again and again it needs somebody.

    One end of a container is enough for that, so no kubelet starts it again.
    """
    ended = _list_ended(observation)
    known = observation.server.group_failures if observation.server else None
    if ended:
        told = _describe(ended[0], namespace, observation.claim)
    elif known is not None and _are_loading(observation, known):
        told = Trouble(_read_reason(known), known.message, needs_human=False)
    else:
        return None
    if known is None or known.times < ENDS_OF_A_LOOP:
        return told
    again = f" Since all replicas served last, that happened {known.times} times."
    return replace(told, message=f"{told.message}{again}", needs_human=True)


def remember_failure(observation: Observation, namespace: str, now: datetime) -> GroupFailures | None:
    """Tell what has to be remembered from now on: what is already, where nothing happened.

    Several pods of a group may end for one cause. All of them were there before the first was seen to end, so only
    those count that were made later.
    """
    server = observation.server
    if server is None or server.kind == "Deployment" or _serves_whole(server, observation):
        return None
    known = server.group_failures
    for pod in sorted(_list_ended(observation), key=lambda pod: pod.trouble.ended_at if pod.trouble else ""):
        if _is_new(pod, known):
            known = _count(pod, known, observation, namespace, now)
    return known


def _count(
    failed: ObservedPod, known: GroupFailures | None, observation: Observation, namespace: str, now: datetime
) -> GroupFailures:
    times = known.times + 1 if known is not None and known.revision == failed.revision else 1
    told = _describe(failed, namespace, observation.claim)
    ended_at = failed.trouble.ended_at if failed.trouble else ""
    message = _tell_place(failed, told.message)[:LONGEST_MEMORY]
    return GroupFailures(failed.revision, times, told.reason, message, ended_at or rfc3339(now))


def _tell_place(pod: ObservedPod, message: str) -> str:
    """Tell where it was: another pod has its name by the time that somebody reads this, maybe on another node."""
    if not pod.node or f"node {pod.node}" in message:
        return message
    return f"Pod {pod.name} was on node {pod.node}; the pod that has its name now may be on another. {message}"


def _list_ended(observation: Observation) -> list[ObservedPod]:
    """List the pods of groups of which a container ended; those that are told to go first."""
    living = (pod for pod in (*observation.server_pods, *observation.worker_pods) if pod.group)
    return [pod for pod in (*observation.ending_pods, *living) if pod.trouble is not None and pod.trouble.ends]


def _describe(pod: ObservedPod, namespace: str, claim: ObservedClaim | None) -> Trouble:
    found = explain_pods([replace(pod, ready=False)], namespace, claim)
    if found is not None or pod.trouble is None:
        return replace(found, needs_human=False) if found else Trouble(Reason.GROUP_RESTARTING, "", needs_human=False)
    words = {
        "pod": pod.name,
        "namespace": namespace,
        "node": pod.node or "unknown",
        "code": str(pod.trouble.last_exit_code),
        "said": choose_last_words(pod.trouble.last_message).rstrip(".") or "nothing",
    }
    return GROUP_RESTARTING.explain(words)


def _are_loading(observation: Observation, known: GroupFailures) -> bool:
    return any(not pod.ready and pod.revision == known.revision for pod in observation.server_pods)


def _serves_whole(server: ObservedServer, observation: Observation) -> bool:
    pods = observation.server_pods
    return bool(pods) and len(pods) == server.replicas and all(pod.ready for pod in pods)


def _is_new(pod: ObservedPod, known: GroupFailures | None) -> bool:
    return known is None or known.revision != pod.revision or pod.created_at > known.at


def _read_reason(known: GroupFailures) -> Reason:
    try:
        return Reason(known.reason)
    except ValueError:
        return Reason.GROUP_RESTARTING
