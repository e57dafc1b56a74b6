"""Explain pods that a node ended for ever or refused, for as long as nothing serves in their place."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from nemotron_operator.status.explanation import Explanation, Trouble
from nemotron_operator.status.observed_pods import FailedPod, ObservedPod
from nemotron_operator.status.pod_causes import EVICTED, NODE_SHUT_DOWN, POD_REFUSED

REPLACEMENT_SECONDS = 120
"""How far the end of a pod and the beginning of the one in its place may be apart, by clocks of two machines."""

EXPLANATIONS: dict[str, Explanation] = {
    "Evicted": EVICTED,
    "Terminated": NODE_SHUT_DOWN,
    "NodeShutdown": NODE_SHUT_DOWN,
    "Shutdown": NODE_SHUT_DOWN,
}
"""By the kubelet's reason (pkg/kubelet/eviction, pkg/kubelet/nodeshutdown). All others are those of a node that did not
admit the pod (pkg/kubelet/lifecycle/predicate.go): `UnexpectedAdmissionError`, `OutOfcpu`, `NodeAffinity`."""


def explain_failed_pods(failed: Sequence[FailedPod], living: Iterable[ObservedPod]) -> Trouble | None:
    """Explain the last pod that failed and whose place is taken by one that does not serve yet.

    What failed stays until it is collected, for days perhaps: once a pod serves in its place, it is history.
    """
    starting = [pod for pod in living if not pod.ready]
    last = next((pod for pod in reversed(failed) if any(_replaces(each, pod) for each in starting)), None)
    if last is None:
        return None
    words = {
        "pod": last.name,
        "node": last.node or "unknown",
        "refusal": last.reason or "no reason",
        "said": f"{last.message.strip().rstrip('.') or last.reason}.",
    }
    return EXPLANATIONS.get(last.reason, POD_REFUSED).explain(words)


def _replaces(pod: ObservedPod, failed: FailedPod) -> bool:
    if pod.revision != failed.revision:
        return False
    try:
        began, ended = datetime.fromisoformat(pod.created_at), datetime.fromisoformat(failed.ended_at)
        return abs((began - ended).total_seconds()) <= REPLACEMENT_SECONDS
    except (TypeError, ValueError):
        return False
