"""Explain pods that do not run: what, why, and the next command."""

from collections.abc import Iterable, Mapping

from nemotron_operator.api.conditions import Reason
from nemotron_operator.render.pods import ENGINE_CONTAINER, PROBE_CONTAINER
from nemotron_operator.status.container_trouble import explain_container
from nemotron_operator.status.explanation import Trouble
from nemotron_operator.status.gpu_wait import GpuNeed, explain_scheduling
from nemotron_operator.status.observation import ObservedClaim
from nemotron_operator.status.observed_pods import ObservedPod
from nemotron_operator.status.pod_causes import ENGINE_UNREADY, NODE_LOST, NODE_LOST_OF_GROUP, WAITING_FOR_QUOTA
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
        return (NODE_LOST_OF_GROUP if pod.group else NODE_LOST).explain(places)
    if pod.is_held_back:
        return WAITING_FOR_QUOTA.explain(places)
    if pod.is_kept_from_volume and claim is not None:
        return Trouble(Reason.UNSCHEDULABLE, explain_distance(pod, claim, namespace), needs_human=False)
    if pod.unschedulable:
        explanation, words = explain_scheduling(pod, need)
        return explanation.explain({**places, **words})
    return _explain_unready(pod, places) if _has_served(pod) else _explain_container(pod, places)


def _has_served(pod: ObservedPod) -> bool:
    """Tell whether an engine has served since it started last: how it ended earlier is history.

    In a group no end is: all its pods are made anew.
    """
    return bool(pod.unready) and not (pod.group and pod.trouble is not None and pod.trouble.ends)


def _explain_unready(pod: ObservedPod, places: Mapping[str, str]) -> Trouble:
    """Explain an engine that runs and is not ready; a container beside it that does not run says why."""
    is_of_engine = pod.trouble is None or pod.trouble.container == ENGINE_CONTAINER
    told = None if is_of_engine else _explain_container(pod, places)
    probe = f" -c {PROBE_CONTAINER}" if pod.has_probe else ""
    return told or ENGINE_UNREADY.explain({**places, "said": pod.unready.rstrip("."), "probe": probe})


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
