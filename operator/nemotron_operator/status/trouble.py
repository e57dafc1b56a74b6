"""Explain pods that do not run: what, why, and the next command."""

from collections.abc import Iterable
from dataclasses import dataclass

from nemotron_operator.api.conditions import Reason
from nemotron_operator.render.pods import START_CHECK_CONTAINER
from nemotron_operator.status.observation import ContainerTrouble, ObservedClaim, ObservedPod
from nemotron_operator.status.start_check import explain_start_check
from nemotron_operator.status.storage_trouble import IMAGE_REASONS, explain_distance, explain_model_image

LAST_WORDS_LENGTH = 700
"""How much of a container's last words a condition repeats, from their end."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One explained problem."""

    reason: Reason
    message: str
    needs_human: bool
    """Whether nothing will move before somebody acts."""


def explain_pods(pods: Iterable[ObservedPod], namespace: str, claim: ObservedClaim | None = None) -> Trouble | None:
    """Explain the first pod that is in trouble, with the volume that they mount; what needs a human comes first."""
    troubles = [trouble for pod in pods if (trouble := _explain_pod(pod, namespace, claim)) is not None]
    return min(troubles, key=lambda trouble: not trouble.needs_human, default=None)


def _explain_pod(pod: ObservedPod, namespace: str, claim: ObservedClaim | None) -> Trouble | None:
    if pod.ready:
        return None
    if pod.is_kept_from_volume and claim is not None:
        return Trouble(Reason.UNSCHEDULABLE, explain_distance(pod, claim, namespace), needs_human=False)
    if pod.unschedulable:
        message = (
            f"No node takes pod {pod.name}: {pod.unschedulable} `kubectl get nodes -L nvidia.com/gpu.product` and "
            "`kubectl describe node` show what is free."
        )
        return Trouble(Reason.UNSCHEDULABLE, message, needs_human=False)
    if pod.trouble is None:
        return None
    image_trouble = explain_model_image(pod, pod.trouble)
    if image_trouble is not None:
        return Trouble(*image_trouble, needs_human=True)
    return _explain_container(pod.name, pod.trouble, namespace)


def _explain_container(pod_name: str, trouble: ContainerTrouble, namespace: str) -> Trouble | None:
    start_trouble = explain_start_check(pod_name, trouble)
    if start_trouble is not None:
        # The kubelet tries again for ever, and what was downloaded is fetched again.
        return Trouble(*start_trouble, needs_human=start_trouble[0] is not Reason.DAMAGED)
    if trouble.waiting_reason == "CreateContainerConfigError":
        message = (
            f"Pod {pod_name} cannot start: {trouble.waiting_message}. Create it with `kubectl -n {namespace} create "
            "secret generic NAME --from-literal=KEY=VALUE`, or correct the reference; the pod then starts by itself."
        )
        return Trouble(Reason.SECRET_NOT_FOUND, message, needs_human=True)
    if trouble.waiting_reason in IMAGE_REASONS:
        message = (
            f"Pod {pod_name} cannot pull its image: {trouble.waiting_message or trouble.waiting_reason}. Check the "
            "name and podTemplate.imagePullSecrets."
        )
        return Trouble(Reason.IMAGE_PULL_FAILED, message, needs_human=True)
    if not trouble.is_in_loop:
        return None
    if trouble.last_reason == "OOMKilled":
        message = (
            f"Pod {pod_name} was ended by the kernel {trouble.restarts} times: host memory ran out. Raise "
            "podTemplate.memory, or its limit in the namespace."
        )
        return Trouble(Reason.OUT_OF_MEMORY, message, needs_human=True)
    which = f" --container={START_CHECK_CONTAINER}" if trouble.is_start_check else ""
    last_words = _take_last_lines(trouble.last_message) or "nothing"
    message = (
        f"Pod {pod_name} ended {trouble.restarts} times, with exit code {trouble.last_exit_code}. Its last words: "
        f"{last_words} (`kubectl -n {namespace} logs {pod_name}{which} --previous` shows more)"
    )
    return Trouble(Reason.CRASH_LOOP, message, needs_human=True)


def _take_last_lines(words: str) -> str:
    """Take whole lines from the end; of a single line that is too long, its end."""
    tail = words.strip()[-LAST_WORDS_LENGTH:]
    is_cut = len(tail) < len(words.strip())
    return tail.partition("\n")[2] if is_cut and "\n" in tail else tail
