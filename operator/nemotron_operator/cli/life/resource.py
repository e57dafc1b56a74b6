"""The resource that a command changes: read, and written under the command line's own name."""

from collections.abc import Mapping
from typing import Any

from nemotron_operator.cli.cluster_access import explained
from nemotron_operator.cli.messages import PROGRAM
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.errors import ConflictError, OperatorError

DEFAULT_REPLICAS = 1
"""What a spec without replicas means."""


async def change(
    gateway: ClusterGateway, body: KubernetesObject, patch: dict[str, Any], *, is_dry_run: bool = False
) -> KubernetesObject:
    """Change the resource that was read, and no other of its name.

    Raises
    ------
    OperatorError
        It was deleted or made anew meanwhile, or the credentials do not suffice.
    """
    metadata = body["metadata"]
    try:
        with explained("patch", NEMOTRON, metadata["namespace"]):
            return await gateway.change(NEMOTRON, body, patch, PROGRAM, is_dry_run=is_dry_run)
    except ConflictError as error:
        raise OperatorError(
            f"{metadata['name']!r} is not what it was a moment ago; nothing was changed. {error}"
        ) from error


def read_annotations(body: KubernetesObject) -> Mapping[str, str]:
    """Read the annotations of an object; none is an empty mapping."""
    return body["metadata"].get("annotations") or {}


def is_stopped(spec: Mapping[str, Any]) -> bool:
    """Tell whether a spec asks for no pod."""
    return bool(spec.get("suspend")) or count_replicas(spec) == 0


def count_replicas(spec: Mapping[str, Any]) -> int:
    """Count the pods that a spec asks for while it is not suspended; with a scaler, those that there are at least."""
    autoscaling = spec.get("autoscaling")
    if autoscaling:
        return max(1, int(autoscaling.get("minReplicas", DEFAULT_REPLICAS)))
    return int(spec.get("replicas", DEFAULT_REPLICAS))


def point_to_status(body: KubernetesObject) -> str:
    """Name the command that shows what becomes of it."""
    metadata = body["metadata"]
    return f"`nemoctl status {metadata['name']} -n {metadata['namespace']}`"
