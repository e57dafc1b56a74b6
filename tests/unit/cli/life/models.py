"""Served models as a cluster holds them: the resource with its status, and what is kept of its revisions."""

from typing import Any

from nemotron_operator.cluster.kinds import CONTROLLER_REVISION, NEMOTRON, POD
from nemotron_operator.constants import COMPONENT_LABEL, DEPLOYMENT_LABEL
from nemotron_operator.render.metadata import (
    FAILED_ANNOTATION,
    INPUTS_LABEL,
    OPERATOR_VERSION_ANNOTATION,
    PINNED_REVISION_ANNOTATION,
    RESTART_ANNOTATION,
    REVISION_COMPONENT,
    SERVED_ANNOTATION,
    SERVER_COMPONENT,
    hash_manifest,
)
from nemotron_operator.render.pod_revision import name_revision
from nemotron_operator.render.pods import ENGINE_CONTAINER
from tests.unit.cli.cache.cluster_api import Body, ClusterApi

NAME, BEFORE, NOW = "nemotron", "2026-11-24T08:00:00Z", "2026-11-26T12:00:00Z"

FAILURE = '{"message": "The KV cache is too small.", "reason": "CrashLoop", "revision": "%s"}'


def a_spec(max_model_len: int = 4096, **fields: object) -> Body:
    return {"model": {"name": "m"}, "engine": {"maxModelLen": max_model_len}, "replicas": 1, "suspend": False, **fields}


def a_template(max_model_len: int = 4096, image: str = "vllm:1") -> Body:
    """Make the pods of such a spec, as some version of the operator rendered them."""
    container = {"name": ENGINE_CONTAINER, "image": image, "args": [f"--max-model-len={max_model_len}"]}
    return {"metadata": {"labels": {}}, "spec": {"containers": [container]}}


def revision_of(template: Body, restarted_at: str | None = None) -> str:
    """Name the revision of the pods, as the operator does."""
    return name_revision(hash_manifest(template), restarted_at)


def keep(  # noqa: PLR0913 - what is kept of a revision
    cluster: ClusterApi,
    number: int,
    spec: Body,
    template: Body,
    *,
    served: bool = True,
    failed: str = "",
    version: str = "0.1.0",
    inputs: str = "",
) -> str:
    """Keep a revision as the operator does, and return its name; `failed` is the revision of the pods that failed."""
    base_revision = hash_manifest(template)
    annotations = {OPERATOR_VERSION_ANNOTATION: version}
    annotations |= {SERVED_ANNOTATION: BEFORE} if served else {}
    annotations |= {FAILED_ANNOTATION: FAILURE % failed} if failed else {}
    owner = {"kind": NEMOTRON.name, "name": NAME, "uid": f"uid-{NAME}", "controller": True}
    labels = {DEPLOYMENT_LABEL: NAME, COMPONENT_LABEL: REVISION_COMPONENT, INPUTS_LABEL: inputs or str(spec["engine"])}
    metadata = {
        "name": f"{NAME}-{base_revision}",
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [owner],
        "creationTimestamp": f"2026-11-2{number}T08:00:00Z",
    }
    data = {"spec": spec, "template": template}
    cluster.put(CONTROLLER_REVISION, {"metadata": metadata, "revision": number, "data": data})
    return base_revision


def a_status(template: Body | None, *, restarted_at: str | None = None, **fields: object) -> Body:
    """Make the status of a model whose pods of this template serve; without one it has no revision."""
    revision = revision_of(template, restarted_at) if template else None
    return {
        "observedGeneration": 1,
        "conditions": [a_condition("Ready", "Serving", "1 of 1 replicas serve.", is_true=True)],
        "replicas": 1,
        "readyReplicas": 1,
        **({"desiredRevision": revision, "servingRevision": revision} if revision else {}),
        **fields,
    }


def a_condition(kind: str, reason: str, message: str, *, is_true: bool = False) -> Body:
    return {
        "type": kind,
        "status": "True" if is_true else "False",
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": BEFORE,
    }


def not_ready(reason: str, message: str, *, is_stalled: bool = False) -> list[Body]:
    ready = a_condition("Ready", reason, message)
    return [ready, a_condition("Stalled", reason, message, is_true=True)] if is_stalled else [ready]


def serve(
    cluster: ClusterApi, spec: Body, status: Body, name: str = NAME, namespace: str = "team", **metadata: object
) -> Body:
    body = {"metadata": {"name": name, "generation": 1, **metadata}, "spec": spec, "status": status}
    return cluster.put(NEMOTRON, body, namespace)


def put_pod(cluster: ClusterApi, name: str = "nemotron-1") -> None:
    labels = {DEPLOYMENT_LABEL: NAME, COMPONENT_LABEL: SERVER_COMPONENT}
    cluster.put(POD, {"metadata": {"name": name, "labels": labels}, "spec": {}})


def read(cluster: ClusterApi, name: str = NAME) -> Body:
    body = cluster.get(NEMOTRON, name)
    assert body is not None
    return body


def spec_of(cluster: ClusterApi) -> Any:  # noqa: ANN401 - any JSON
    return read(cluster)["spec"]


def pin_of(cluster: ClusterApi, name: str = NAME) -> str | None:
    pinned: str | None = read(cluster, name)["metadata"].get("annotations", {}).get(PINNED_REVISION_ANNOTATION)
    return pinned


def restart_of(cluster: ClusterApi) -> str | None:
    restarted: str | None = read(cluster)["metadata"].get("annotations", {}).get(RESTART_ANNOTATION)
    return restarted
