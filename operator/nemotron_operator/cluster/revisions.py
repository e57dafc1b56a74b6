"""Live objects to what is known of revisions: what is kept of each, and how far the Deployment is. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.observation import observe_pods, observe_server
from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.errors import ConflictError
from nemotron_operator.plan.rollout import FailedRevision, RevisionRecord, Strategy
from nemotron_operator.render.metadata import (
    BASE_REVISION_ANNOTATION,
    FAILED_ANNOTATION,
    INPUTS_LABEL,
    OPERATOR_VERSION_ANNOTATION,
    PINNED_REVISION_ANNOTATION,
    RESTART_ANNOTATION,
    ROLLOUT_ANNOTATION,
    SERVED_ANNOTATION,
    name_record,
    read_revision,
)
from nemotron_operator.rollout.facts import LiveServer

_FAILED = TypeAdapter(FailedRevision)


def read_records(identity: Identity, listed: Iterable[KubernetesObject]) -> tuple[RevisionRecord, ...]:
    """Read what is kept of the revisions of one resource, the newest last; what nobody of us wrote is left out."""
    records = [_read_record(identity, live) for live in listed if _is_own(live, identity)]
    return tuple(sorted((record for record in records if record is not None), key=lambda record: record.number))


def read_live_server(server: KubernetesObject, pods: Sequence[KubernetesObject], gpu_resource: str) -> LiveServer:
    """Read the Deployment that is there, with the pods that it made."""
    annotations, revision = _annotations_of(server), read_revision(server)
    observed = observe_pods(pods)
    replicas = server["spec"].get("replicas") or 0
    serving = [pod.ready and pod.revision == revision for pod in observed]
    strategy, why = _read_rollout(server)
    return LiveServer(
        revision=revision,
        base_revision=annotations.get(BASE_REVISION_ANNOTATION, ""),
        inputs=annotations.get(INPUTS_LABEL, ""),
        operator_version=annotations.get(OPERATOR_VERSION_ANNOTATION, ""),
        strategy=strategy,
        why=why,
        replicas=replicas,
        is_settled=all(serving) and len(serving) == replicas and observe_server(server).is_observed,
        is_short_of_gpus=any(pod.revision == revision and gpu_resource in pod.unschedulable for pod in observed),
    )


def read_pinned_revision(deployment: KubernetesObject | None) -> str | None:
    """Read which revision somebody chose."""
    return _annotations_of(deployment).get(PINNED_REVISION_ANNOTATION) if deployment else None


def read_restart(deployment: KubernetesObject | None) -> str | None:
    """Read when somebody asked for new pods, as it was written."""
    return _annotations_of(deployment).get(RESTART_ANNOTATION) if deployment else None


def _read_record(identity: Identity, live: KubernetesObject) -> RevisionRecord | None:
    metadata, data = live["metadata"], live.get("data") or {}
    annotations, template = _annotations_of(live), data.get("template")
    base_revision = metadata["name"].removeprefix(name_record(identity.name, ""))
    if not isinstance(template, Mapping) or "metadata" not in template:
        return None
    return RevisionRecord(
        base_revision=base_revision,
        number=int(live.get("revision") or 0),
        inputs=(metadata.get("labels") or {}).get(INPUTS_LABEL, ""),
        template=template,
        spec=data.get("spec") or {},
        operator_version=annotations.get(OPERATOR_VERSION_ANNOTATION, ""),
        created_at=metadata.get("creationTimestamp", ""),
        has_served=SERVED_ANNOTATION in annotations,
        failed=_read_failed(annotations.get(FAILED_ANNOTATION)),
    )


def _read_failed(text: str | None) -> FailedRevision | None:
    try:
        return _FAILED.validate_json(text, strict=True) if text else None
    except ValidationError:
        return None


def _read_rollout(server: KubernetesObject) -> tuple[Strategy, str]:
    """Read how the pods are replaced: the Deployment itself says it, and our annotation why."""
    rolling = ((server["spec"].get("strategy") or {}).get("rollingUpdate")) or {}
    strategy: Strategy = "Surge" if rolling.get("maxSurge") not in {0, "0", None} else "Replace"
    try:
        remembered: Any = json.loads(_annotations_of(server).get(ROLLOUT_ANNOTATION, ""))
    except ValueError:
        return strategy, ""
    is_same = isinstance(remembered, dict) and remembered.get("strategy") == strategy
    return strategy, str(remembered.get("why", "")) if is_same else ""


def _is_own(live: KubernetesObject, identity: Identity) -> bool:
    try:
        return find_foreign(live, identity) is None
    except ConflictError:
        return False  # of an earlier resource of the same name, on its way out


def _annotations_of(live: KubernetesObject) -> Mapping[str, str]:
    return live["metadata"].get("annotations") or {}
