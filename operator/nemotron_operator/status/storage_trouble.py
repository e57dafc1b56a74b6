"""Explain pods that their weights keep from running: a volume out of reach, an image that a node does not mount."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.observation import ContainerTrouble, ObservedClaim, ObservedPod

IMAGE_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
"""Why the kubelet says that a container waits when an image cannot be pulled, its own or that of a volume
(pkg/kubelet/images/types.go; for volumes since Kubernetes 1.31, kuberuntime_manager.go)."""


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
    """Explain a pod that waits for the image with its weights; None when it waits for something else.

    Notes
    -----
    The kubelet puts both images' troubles into the same place, and names the image in the message.
    """
    image, said = pod.model_image, trouble.waiting_message
    if not image:
        return None
    if trouble.waiting_reason in IMAGE_REASONS and image in said:
        message = (
            f"Pod {pod.name} cannot pull the image with the weights: {said}. Check "
            "spec.model.source.ociImage.reference and podTemplate.imagePullSecrets."
        )
        return Reason.IMAGE_PULL_FAILED, message
    if trouble.waiting_reason == "CreateContainerError":
        message = (
            f"Pod {pod.name} cannot mount the image {image!r} with the weights: {said}. Its node has to know image "
            "volumes: a kubelet of 1.35, and containerd 2.1 or CRI-O 1.31 (`kubectl get nodes -o wide` shows them)."
        )
        return Reason.IMAGE_VOLUME_NOT_SUPPORTED, message
    return None
