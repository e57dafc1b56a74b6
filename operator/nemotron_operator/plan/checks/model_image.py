"""What an image with weights needs: the platform's word, and an API server that mounts it."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.source import OciImageSource
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.image_prefix import is_below
from nemotron_operator.plan.request import PlanRequest

FIRST_VERSION = (1, 35)
"""The first Kubernetes that mounts images as volumes by default (feature gate ImageVolume, alpha in 1.31).

Source: pkg/features/kube_features.go of Kubernetes 1.37.
"""

OLDEST_GATED_VERSION = (1, 31)
"""The first one that does so when the feature gate is on."""


def model_image_is_allowed(request: PlanRequest) -> Violation | None:
    """Take weights only from images that the platform trusts, whoever writes the resource."""
    image, prefixes = _find_image(request), request.config.allowed_model_image_prefixes
    if image is None or is_below(image.reference, prefixes):
        return None
    allowed = ", ".join(prefixes) or "none"
    return Violation(
        Reason.IMAGE_NOT_ALLOWED,
        f"spec.model.source.ociImage.reference: {image.reference!r} does not start with an allowed prefix ({allowed}). "
        "Correct it, or have the platform team add the prefix to allowedModelImagePrefixes.",
    )


def image_volumes_are_supported(request: PlanRequest) -> Violation | None:
    """Refuse an image volume that the API server would drop from the pod, or refuse in words of its own."""
    if _find_image(request) is None or request.config.image_volumes is True:
        return None
    if request.config.image_volumes is False:
        return Violation(
            Reason.IMAGE_VOLUME_NOT_SUPPORTED,
            "spec.model.source.ociImage: this cluster does not mount images as volumes: imageVolumes is false in the "
            "operator's configuration. Take the weights from huggingFace, s3 or persistentVolumeClaim.",
        )
    version = request.facts.api_server_version
    if version is None or version >= FIRST_VERSION:
        return None
    return Violation(
        Reason.IMAGE_VOLUME_NOT_SUPPORTED,
        f"spec.model.source.ociImage: the API server is {_format(version)}, and images are mounted as volumes by "
        f"default since {_format(FIRST_VERSION)}. Upgrade the cluster, or {_tell_gate(version)}take the weights from "
        "huggingFace, s3 or persistentVolumeClaim.",
    )


def _tell_gate(version: tuple[int, int]) -> str:
    if version < OLDEST_GATED_VERSION:
        return ""
    return (
        "have the platform team turn the feature gate ImageVolume on, for API server and kubelets, and say so with "
        "imageVolumes: true in the operator's configuration, or "
    )


def _find_image(request: PlanRequest) -> OciImageSource | None:
    return request.spec.model.source.oci_image if request.spec.model.source else None


def _format(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
