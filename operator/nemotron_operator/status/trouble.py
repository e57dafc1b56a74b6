"""Explain pods that do not run: what, why, and the next command."""

from collections.abc import Iterable, Mapping

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.container_trouble import explain_container
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.gpu_wait import GpuNeed, explain_scheduling
from nemotron_operator.status.observation import ObservedClaim
from nemotron_operator.status.observed_pods import ObservedPod
from nemotron_operator.status.pod_causes import NODE_LOST, WAITING_FOR_QUOTA
from nemotron_operator.status.start_check import explain_start_check
from nemotron_operator.status.storage_trouble import explain_distance, explain_model_image


def explain_pods(
    pods: Iterable[ObservedPod], namespace: str, claim: ObservedClaim | None = None, need: GpuNeed | None = None
) -> Trouble | None:
    """Explain the first pod that is in trouble; what needs a human comes first.

    Parameters
    ----------
    claim
        The volume that the pods mount.
    need
        The GPUs that they request, if they do.
    """
    troubles = [trouble for pod in pods if (trouble := _explain_pod(pod, namespace, claim, need)) is not None]
    return min(troubles, key=lambda trouble: not trouble.needs_human, default=None)


def _explain_pod(pod: ObservedPod, namespace: str, claim: ObservedClaim | None, need: GpuNeed | None) -> Trouble | None:
    if pod.ready:
        return None
    places = {"pod": pod.name, "namespace": namespace, "node": pod.node, "deployment": pod.deployment or "NAME"}
    if pod.is_out_of_reach:
        return NODE_LOST.explain(places)
    if pod.is_held_back:
        return WAITING_FOR_QUOTA.explain(places)
    if pod.is_kept_from_volume and claim is not None:
        return Trouble(Reason.UNSCHEDULABLE, explain_distance(pod, claim, namespace), needs_human=False)
    if pod.unschedulable:
        explanation, words = explain_scheduling(pod, need)
        return explanation.explain({**places, **words})
    return _explain_container(pod, places)


def _explain_container(pod: ObservedPod, places: Mapping[str, str]) -> Trouble | None:
    if pod.trouble is None:
        return None
    start_trouble = explain_start_check(pod.name, pod.trouble)
    if start_trouble is not None:
        # The kubelet tries again for ever, and what was downloaded is fetched again.
        return Trouble(*start_trouble, needs_human=start_trouble[0] is not Reason.DAMAGED)
    volume_trouble = explain_model_image(pod, pod.trouble)
    if volume_trouble is not None:
        return Trouble(*volume_trouble, needs_human=True)
    return explain_container(pod, pod.trouble, places)
