"""Tell whether the API server refuses pods of a Deployment for good, or until the ones before them have ended."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.observation import find_condition, observe_server
from nemotron_operator.status.observed_servers import ObservedServer

PATIENCE_SECONDS = 300
"""How long a refusal may pass by itself: a ReplicaSet tries again after ever longer pauses, and is not told of room."""


def observe_refusal(server: KubernetesObject, pods: Iterable[KubernetesObject], now: datetime) -> ObservedServer:
    """Read how far a Deployment is, and how long pods of it have been refused.

    Parameters
    ----------
    pods
        Those that serve, or did and have not ended yet: until then a quota counts them.
    """
    seen = observe_server(server)
    since = find_condition(server.get("status") or {}, "ReplicaFailure").get("lastTransitionTime")
    if not seen.refusal or not since or any("deletionTimestamp" in pod["metadata"] for pod in pods):
        return seen
    left = datetime.fromisoformat(since) + timedelta(seconds=PATIENCE_SECONDS) - now
    if left > timedelta():
        return replace(seen, seconds_to_deadline=left.total_seconds())
    return replace(seen, refusal_lasts=True)
