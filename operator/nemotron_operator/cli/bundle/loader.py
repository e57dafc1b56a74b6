"""The pod that an import runs beside the volume: it waits until the model has come through `kubectl exec`."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from nemotron_operator.cli.bundle.resource import PlannedBundle
from nemotron_operator.cli.cluster_access import explained
from nemotron_operator.cli.tables import format_seconds
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import POD
from nemotron_operator.constants import API_GROUP, COMPONENT_LABEL, MANAGED_BY_LABEL
from nemotron_operator.errors import ConflictError, OperatorError
from nemotron_operator.render.engine import MODELS_PATH
from nemotron_operator.render.pods import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    render_affinity,
    render_pull_secrets,
    render_tolerations,
)

CONTAINER_NAME = "receive"

LABELS = {MANAGED_BY_LABEL: "nemoctl", COMPONENT_LABEL: "import"}
"""Not the operator's own: it would take the pod for one of a cache Job."""

LONGEST_SECONDS = 24 * 60 * 60
"""How long the pod lives at most, should nobody be left to delete it."""

POLL_SECONDS = 0.5
"""How often the pod is looked at."""

GONE_SECONDS = 60
"""How long the pod may take to go."""

_FATAL_REASONS = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"})
"""Why a container waits for something that only a person can change."""


def name_loader(claim_name: str) -> str:
    """Name the pod after its claim: one import for each volume at a time."""
    return f"import-{claim_name.removeprefix('model-')}"


def render_loader(planned: PlannedBundle) -> dict[str, Any]:
    """Render the pod: placed and restricted as the cache Job's, so that the volume is made where it is needed."""
    plan, download = planned.plan, planned.download
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name_loader(planned.claim_name),
            "namespace": plan.identity.namespace,
            "labels": {**plan.pod.template.labels, **LABELS},
            "annotations": {**plan.pod.template.annotations, f"{API_GROUP}/repository": download.origin.repository},
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LONGEST_SECONDS,
            # The container only sleeps, and nobody asks it to end well.
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "imagePullSecrets": render_pull_secrets(plan),
            "affinity": render_affinity(plan),
            "tolerations": render_tolerations(plan),
            "securityContext": POD_SECURITY,
            "containers": [_render_container(planned)],
            "volumes": [
                {"name": "models", "persistentVolumeClaim": {"claimName": planned.claim_name}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }


def _render_container(planned: PlannedBundle) -> dict[str, Any]:
    download = planned.download
    return {
        "name": CONTAINER_NAME,
        "image": download.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", str(LONGEST_SECONDS)],
        "resources": {"requests": {"cpu": download.cpu, "memory": download.memory}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "models", "mountPath": MODELS_PATH},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - of the container, an emptyDir
        ],
    }


async def make_loader(gateway: ClusterGateway, manifest: dict[str, Any]) -> KubernetesObject:
    """Make the pod.

    Raises
    ------
    OperatorError
        There is one of that name: another import is under way, or one was killed.
    """
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    try:
        with explained("create", POD, namespace):
            return await gateway.create(POD, manifest)
    except ConflictError as error:
        raise OperatorError(
            f"The pod {name!r} in namespace {namespace!r} is there already: another import fills this volume, or one "
            f"was killed. Wait for it, or delete the pod: `kubectl delete pod {name} -n {namespace}`."
        ) from error


async def wait_for_loader(
    gateway: ClusterGateway, pod: KubernetesObject, timeout_seconds: int, tell: Callable[[str], None]
) -> None:
    """Wait until the pod runs, and tell what it waits for.

    Raises
    ------
    OperatorError
        It cannot run, or not in time; the message says why, and the next command.
    """
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    deadline, told, waits_for = time.monotonic() + timeout_seconds, "", ""
    while time.monotonic() < deadline:
        with explained("get", POD, namespace):
            live = await gateway.get(POD, namespace, name)
        if live is None:
            raise OperatorError(
                f"Somebody deleted the pod {name!r} in namespace {namespace!r}. Run the same command again."
            )
        if is_running(live):
            return
        waits_for = describe_waiting(live)
        if waits_for != told:
            tell(f"The pod {name!r} waits: {waits_for}")
            told = waits_for
        await asyncio.sleep(POLL_SECONDS)
    raise OperatorError(
        f"The pod {name!r} does not run after {format_seconds(timeout_seconds)}: {waits_for} `kubectl get events -n "
        f"{namespace}` says more; --timeout waits longer."
    )


def is_running(pod: KubernetesObject) -> bool:
    """Tell whether the container runs."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return any(each["name"] == CONTAINER_NAME and "running" in (each.get("state") or {}) for each in statuses)


def describe_waiting(pod: KubernetesObject) -> str:
    """Say what a pod waits for.

    Raises
    ------
    OperatorError
        Waiting is no use: it ended, or a person has to change something.
    """
    status = pod.get("status") or {}
    if status.get("phase") in {"Failed", "Succeeded"}:
        said = status.get("message") or status.get("reason") or "nothing more is known"
        raise OperatorError(f"The pod {pod['metadata']['name']!r} ended before anything was sent: {said}.")
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _FATAL_REASONS:
            raise OperatorError(
                f"The pod {pod['metadata']['name']!r} cannot run the image {container.get('image')}: "
                f"{waiting['reason']}: {waiting.get('message', '')} Give the operator's configuration with "
                "--operator-config or NEMOTRON_OPERATOR_CONFIG: its downloaderImage is the one that the cluster has. "
                "Where that is the image already, carry it into the cluster's registry."
            )
        if waiting.get("reason"):
            return f"{waiting['reason']}."
    unscheduled = (each for each in status.get("conditions") or [] if each.get("reason") == "Unschedulable")
    return next((each["message"] for each in unscheduled if each.get("message")), "it is not scheduled yet.")


async def delete_loader(gateway: ClusterGateway, pod: KubernetesObject) -> bool:
    """Delete the pod, and wait until it is gone and has let go of the volume; tell whether it is."""
    metadata = pod["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    live = await gateway.get(POD, namespace, name)
    if live is None or live["metadata"]["uid"] != metadata["uid"]:
        return True
    await gateway.delete(POD, pod)
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        live = await gateway.get(POD, namespace, name)
        if live is None or live["metadata"]["uid"] != metadata["uid"]:
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False
