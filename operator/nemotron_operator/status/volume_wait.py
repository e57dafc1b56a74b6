"""Why a Job that needs the volume does not run yet: the volume is not there, or its pod is in trouble."""

from collections.abc import Sequence

from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.status.judgement import Judged, no
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_pods import ObservedPod
from nemotron_operator.status.trouble import explain_pods

UNBOUND = ("unbound immediate PersistentVolumeClaims", "find available persistent volumes to bind")
"""What the scheduler says when the volume keeps a pod waiting, instead of the pod its volume
(pkg/scheduler/framework/plugins/volumebinding)."""


def find_wait(
    claim_name: str | None, pods: Sequence[ObservedPod], observation: Observation, namespace: str
) -> Judged | None:
    """Find what a Job waits for; None when it runs.

    Notes
    -----
    A volume that is made for its first consumer is not bound because no node takes the pod, and not the other way
    round: then the pod is what is told of.
    """
    kind, trouble = ConditionType.MODEL_CACHED, explain_pods(pods, namespace, observation.claim)
    is_pending = observation.claim is not None and not observation.claim.bound
    # A pod of which the scheduler has not spoken yet fetches nothing either.
    if is_pending and trouble is None and not any(pod.node for pod in pods):
        return Judged(no(kind, Reason.VOLUME_PENDING, _describe(claim_name, namespace)))
    if trouble is None:
        return None
    if trouble.reason is not Reason.UNSCHEDULABLE or not is_pending:
        return Judged(no(kind, trouble.reason, trouble.message), trouble.needs_human)
    if any(words in pod.unschedulable for pod in pods for words in UNBOUND):
        message = f"{_describe(claim_name, namespace)} {trouble.message}"
        return Judged(no(kind, Reason.VOLUME_PENDING, message))
    message = f"{trouble.message} Volume {claim_name!r} is not bound yet: it is made where this pod runs."
    return Judged(no(kind, trouble.reason, message))


def _describe(claim_name: str | None, namespace: str) -> str:
    return (
        f"Volume {claim_name!r} is not bound yet; `kubectl -n {namespace} describe pvc {claim_name}` says what it "
        "waits for (a StorageClass, or its first pod)."
    )
