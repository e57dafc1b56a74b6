"""Explain pods that their weights keep from running: a volume out of reach, an image that a node does not mount."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.observation import ObservedClaim
from nemotron_operator.status.observed_pods import ContainerTrouble, ObservedPod


def explain_distance(pod: ObservedPod, claim: ObservedClaim, namespace: str) -> str:
    """Explain a pod that finds no node from which its volume can be reached."""
    place = f", which is in {claim.place}" if claim.place else ""
    return (
        f"No node that pod {pod.name} may run on reaches volume {claim.name!r}{place}: {pod.unschedulable} Add a GPU "
        "node there, or have the volume made where the nodes are: delete the resource, "
        f"`kubectl -n {namespace} delete pvc {claim.name}`, and name a StorageClass with volumeBindingMode: "
        "WaitForFirstConsumer in cache.storageClassName."
    )


def explain_model_image(pod: ObservedPod, trouble: ContainerTrouble) -> tuple[Reason, str] | None:
    """Explain a pod whose node cannot mount the image with its weights; None when it waits for something else."""
    if not pod.model_image or trouble.waiting_reason != "CreateContainerError":
        return None
    message = (
        f"Pod {pod.name} cannot mount the image {pod.model_image!r} with the weights: {trouble.waiting_message}. Its "
        "node has to know image volumes: a kubelet of 1.35, and containerd 2.1 or CRI-O 1.31 (`kubectl get nodes -o "
        "wide` shows them)."
    )
    return Reason.IMAGE_VOLUME_NOT_SUPPORTED, message
