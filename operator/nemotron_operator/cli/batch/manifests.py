"""The objects of a batch: a volume, the pod through which requests and results go, and the Job that answers."""

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from nemotron_operator.api.quantity import format_bytes
from nemotron_operator.cli.batch.model import BatchModel, find_engine
from nemotron_operator.cli.bundle.loader import CONTAINER_NAME, LONGEST_SECONDS
from nemotron_operator.constants import API_GROUP, COMPONENT_LABEL, DEPLOYMENT_LABEL, MANAGED_BY_LABEL, QUEUE_LABEL
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.adapter_list import LOADER_CONTAINER
from nemotron_operator.render.engine import API_KEY_VARIABLE, render_secret_variable
from nemotron_operator.render.jobs import API_KEY_VARIABLE as CLIENT_KEY_VARIABLE
from nemotron_operator.render.jobs import TERMINAL_EXIT_CODES
from nemotron_operator.render.pods import (
    CONTAINER_SECURITY,
    ENGINE_CONTAINER,
    POD_SECURITY,
    PROBE_CONTAINER,
    render_affinity,
    render_pull_secrets,
    render_tolerations,
)
from nemotron_operator.render.tls import TLS_PATH, render_trust_arguments, render_trust_volume
from nemotron_operator.units import GIB

PROGRAM = "nemotron-batch"
"""The program in the operator's image."""

ENGINE_PACKAGE, ENGINE_PROGRAM = "nemotron_operator.batch_engine", "engine_batch.py"
"""Where the text is that the engine's Python runs. It is never imported here: what it imports is another Python's."""

BATCH_PATH = "/batch"
"""Where the volume of the batch is mounted."""

BATCH_LABEL = f"{API_GROUP}/batch"
"""Label of everything that belongs to one batch: its name."""

REVISION_ANNOTATION = f"{API_GROUP}/batch-of-revision"
"""Annotation of the volume and the Job: the revision of the model that answers; empty where it is not known."""

PREPARE_CONTAINER, SEND_CONTAINER = "prepare", "send"

ATTEMPTS = 6
"""How many pods may fail after the first one; those that the cluster takes away do not count."""

WRONG_ARGUMENTS = (2,)
"""Exit codes of an engine that does not take its arguments, and never will."""

GRACE_SECONDS = 30
"""How long a pod may take to end: every answer is written when it comes."""

PLACING_SECONDS = 5 * 60
"""How long the pod that places the volume lives at most on a node, should its image not come."""

_DIGEST_LENGTH = 8

KUEUE_PREFIX = "kueue.x-k8s.io/"
"""How the names of Kueue's labels, annotations and gates begin."""

_OWN_PREFIXES = (f"{API_GROUP}/", KUEUE_PREFIX)
"""Labels of the pods that serve which those of a batch must not have: Services and Kueue find them by these."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of requests to one model."""

    model: BatchModel
    requests_sha256: str
    requests: int
    size_bytes: int
    """Of the requests."""
    answer_bytes: int
    """What is counted for all answers."""
    is_through_server: bool = False
    concurrency: int = 64
    """How many requests may be under way at a server."""
    storage_class: str | None = None
    volume_bytes: int | None = None
    """None counts what requests and answers need."""

    @property
    def plan(self) -> ServingPlan:
        """What the operator plans for the model."""
        return self.model.plan

    @property
    def namespace(self) -> str:
        """Where everything is."""
        return self.plan.identity.namespace

    @property
    def name(self) -> str:
        """Name the batch by what is asked, so that the same command finds it again."""
        way = "server" if self.is_through_server else "engine"
        digest = hashlib.sha256(f"{self.model.uid}\n{way}\n{self.requests_sha256}".encode()).hexdigest()
        return f"{self.plan.identity.name}-batch-{digest[:_DIGEST_LENGTH]}"

    @property
    def pod_name(self) -> str:
        """Name the pod through which requests and results go."""
        return f"{self.name}-io"

    @property
    def labels(self) -> dict[str, str]:
        """Label everything: not as the operator's own, which would take them for what it no longer wants."""
        return {MANAGED_BY_LABEL: "nemoctl", COMPONENT_LABEL: "batch", BATCH_LABEL: self.name}

    @property
    def image(self) -> str:
        """The operator's image, which has the program."""
        return self.model.image

    def once_placed(self) -> "Batch":
        """Give the batch whose volume is somewhere: the pod that carries files goes there, wherever the weights are."""
        return replace(self, model=replace(self.model, node=None, unused_claim=None))

    @property
    def unplaced_weights(self) -> str | None:
        """The claim with the weights beside which the volume has yet to be made; None where that is no matter."""
        return None if self.is_through_server else self.model.unused_claim

    @property
    def queue_name(self) -> str | None:
        """The queue of Kueue that has the GPUs of the batch; None where it takes none, or asks nobody."""
        if self.is_through_server:
            return None
        return self.plan.queue_name or self.plan.pod.template.labels.get(QUEUE_LABEL)


def render_volume(batch: Batch) -> dict[str, Any]:
    """Render the claim: requests twice, since each attempt has its own copy, and the answers."""
    counted = 3 * batch.size_bytes + batch.answer_bytes
    gibibytes = max(1, -(-counted // GIB))
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**_render_metadata(batch, batch.name), "annotations": _render_revision(batch)},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            **({} if batch.storage_class is None else {"storageClassName": batch.storage_class}),
            "resources": {"requests": {"storage": format_bytes(batch.volume_bytes or gibibytes * GIB)}},
        },
    }


def render_pod(batch: Batch) -> dict[str, Any]:
    """Render the pod that waits until requests or results have come through `kubectl exec`."""
    container = {
        **_render_container(batch, CONTAINER_NAME),
        "command": ["sleep", str(LONGEST_SECONDS)],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _render_metadata(batch, batch.pod_name),
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LONGEST_SECONDS,
            # The container only sleeps, and nobody asks it to end well.
            "terminationGracePeriodSeconds": 1,
            **_render_place(batch),
            "containers": [container],
            "volumes": _render_volumes(batch),
        },
    }


def render_placer(batch: Batch, weights: str) -> dict[str, Any]:
    """Render a pod before that one, where no pod shows on which node the weights are: the engine needs both volumes.

    The scheduler looks at every claim that a pod lists, and has the new volume made within reach of the old one. What
    is listed is attached too, mounted or not, and kept from other nodes: so no files go through this pod. It mounts
    nothing, and ends as soon as its image is there, also where nobody is left to delete it.
    """
    container = {**_render_container(batch, CONTAINER_NAME), "command": ["true"], "volumeMounts": []}
    manifest = render_pod(batch)
    manifest["spec"] |= {
        "activeDeadlineSeconds": PLACING_SECONDS,
        "containers": [container],
        "volumes": [
            _render_claim(batch),
            {"name": "weights", "persistentVolumeClaim": {"claimName": weights, "readOnly": True}},
        ],
    }
    return manifest


def render_job(batch: Batch) -> dict[str, Any]:
    """Render the Job: each pod of it goes on where the one before ended."""
    template = _render_sender(batch) if batch.is_through_server else _render_engine(batch, batch.model.require_engine())
    terminal: dict[str, tuple[int, ...]] = (
        {SEND_CONTAINER: TERMINAL_EXIT_CODES}
        if batch.is_through_server
        else {PREPARE_CONTAINER: TERMINAL_EXIT_CODES, ENGINE_CONTAINER: WRONG_ARGUMENTS}
    )
    metadata = _render_metadata(batch, batch.name)
    if batch.queue_name is not None:
        metadata["labels"][QUEUE_LABEL] = batch.queue_name  # Kueue queues the Job, and not its pods
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**metadata, "annotations": _render_revision(batch)},
        "spec": {
            "backoffLimit": ATTEMPTS,
            "podFailurePolicy": {
                "rules": [
                    *(_fail_at_once(container, codes) for container, codes in terminal.items()),
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                ]
            },
            "template": template,
        },
    }


def _fail_at_once(container: str, exit_codes: tuple[int, ...]) -> dict[str, Any]:
    """Render that another pod would end the same way."""
    return {
        "action": "FailJob",
        "onExitCodes": {"containerName": container, "operator": "In", "values": list(exit_codes)},
    }


def _render_metadata(batch: Batch, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": batch.namespace, "labels": dict(batch.labels)}


def _render_revision(batch: Batch) -> dict[str, str]:
    return {REVISION_ANNOTATION: batch.model.revision or ""}


def _render_engine(batch: Batch, served: Mapping[str, Any]) -> dict[str, Any]:
    """Make of the pod that serves one that answers the batch: the same engine, flags, weights and GPUs."""
    template = deepcopy(dict(served))
    metadata, pod = template["metadata"], template["spec"]
    labels = _keep_users(metadata.get("labels") or {})
    engine = find_engine(template)
    for serving_only in ("lifecycle", "livenessProbe", "ports", "readinessProbe", "startupProbe"):
        engine.pop(serving_only, None)
    engine["command"] = ["python3", "-c", _read_engine_program().replace("$", "$$")]
    engine["args"] = [f"--directory={BATCH_PATH}", "--", *engine["args"]]
    engine["env"] = [each for each in engine.get("env") or [] if each["name"] != API_KEY_VARIABLE]
    engine["volumeMounts"] = [*engine["volumeMounts"], _MOUNT]
    beside = {PROBE_CONTAINER, LOADER_CONTAINER}  # they wait for a server, and know its API key
    before = [each for each in pod.get("initContainers") or [] if each["name"] not in beside]
    prepare = {
        **_render_container(batch, PREPARE_CONTAINER),
        "command": [PROGRAM],
        "args": ["prepare", f"--directory={BATCH_PATH}"],
    }
    pod |= {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "affinity": _place_beside_volume(batch, pod.get("affinity") or {}),
        "initContainers": [prepare, *before],
        "volumes": [*pod["volumes"], *_render_volumes(batch)],
    }
    # The annotations stay: the engine's logging configuration is one of them. Those of Kueue would have it take the pod
    # for one of the Deployment's, put a gate before it, and never open that: it admits the Job, and not its pods.
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {name: each for name, each in annotations.items() if not name.startswith(KUEUE_PREFIX)}
    return {"metadata": {**metadata, "labels": {**labels, **batch.labels}}, "spec": pod}


def _render_sender(batch: Batch) -> dict[str, Any]:
    """Render the pod that sends to what serves: no GPU, and the image of the operator."""
    plan = batch.plan
    batch.model.require_server()
    arguments = [
        "send",
        f"--directory={BATCH_PATH}",
        f"--base-url={plan.base_url}",
        f"--concurrency={batch.concurrency}",
        *render_trust_arguments(plan.network.serving_tls),
    ]
    key, trust = plan.engine.api_key, render_trust_volume(plan.network.serving_tls)
    container = {**_render_container(batch, SEND_CONTAINER), "command": [PROGRAM], "args": arguments}
    if key is not None:
        container["env"] = [render_secret_variable(CLIENT_KEY_VARIABLE, key.name, key.key)]
    if trust is not None:
        container["volumeMounts"] = [
            *container["volumeMounts"],
            {"name": trust["name"], "mountPath": TLS_PATH, "readOnly": True},
        ]
    return {
        # By this label a networkPolicy of the resource lets it connect; what it has beside keeps watches away.
        "metadata": {
            "labels": {
                **_keep_users(plan.pod.template.labels),
                **batch.labels,
                DEPLOYMENT_LABEL: plan.identity.name,
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            **_render_place(batch),
            "containers": [container],
            "volumes": [*_render_volumes(batch), *([] if trust is None else [trust])],
        },
    }


_MOUNT = {"name": "batch", "mountPath": BATCH_PATH}


def _render_container(batch: Batch, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": batch.image,
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [_MOUNT, {"name": "batch-tmp", "mountPath": "/tmp"}],  # noqa: S108 - an emptyDir of the pod's
    }


def _render_volumes(batch: Batch) -> list[dict[str, Any]]:
    return [_render_claim(batch), {"name": "batch-tmp", "emptyDir": {}}]


def _render_claim(batch: Batch) -> dict[str, Any]:
    return {"name": "batch", "persistentVolumeClaim": {"claimName": batch.name}}


def _render_place(batch: Batch) -> dict[str, Any]:
    """Render where a pod without GPUs runs: where those with GPUs may, since the volume is made for its first pod."""
    plan = batch.plan
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "imagePullSecrets": render_pull_secrets(plan),
        "nodeSelector": plan.pod.template.node_selector,
        "affinity": _place_beside_volume(batch, render_affinity(plan)),
        "tolerations": render_tolerations(plan),
        "securityContext": POD_SECURITY,
    }


def _place_beside_volume(batch: Batch, affinity: Mapping[str, Any]) -> dict[str, Any]:
    """Require the node that has the weights, if no other may; what the operator's own pods look for is not here."""
    placed = {name: value for name, value in affinity.items() if name == "nodeAffinity"}
    if batch.model.node is None:
        return placed
    here = {"key": "metadata.name", "operator": "In", "values": [batch.model.node]}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    node_affinity = dict(placed.get("nodeAffinity") or {})
    terms = (node_affinity.get(required) or {}).get("nodeSelectorTerms") or [{}]
    there = [{**term, "matchFields": [here]} for term in terms]
    return {"nodeAffinity": {**node_affinity, required: {"nodeSelectorTerms": there}}}


def _keep_users(labels: Mapping[str, str]) -> dict[str, str]:
    """Keep of the labels of the pods that serve those that are the user's own."""
    return {name: value for name, value in labels.items() if not name.startswith(_OWN_PREFIXES)}


@cache
def _read_engine_program() -> str:
    return resources.files(ENGINE_PACKAGE).joinpath(ENGINE_PROGRAM).read_text(encoding="utf-8")
