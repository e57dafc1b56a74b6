"""Live objects to what is known of revisions: what is kept of each, and how far the Deployment is. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gpu_nodes import count_requested
from nemotron_operator.cluster.kinds import ENDED_PHASES
from nemotron_operator.cluster.observation import list_mounted_claims, observe_server
from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.cluster.pods import observe_pods
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
    read_group_size,
    read_pod_template,
    read_revision,
    read_worker_template,
)
from nemotron_operator.render.pods import GROUP_KEY_LABEL
from nemotron_operator.rollout.facts import LivePod, LiveServer

_FAILED = TypeAdapter(FailedRevision)

_STRATEGIES: dict[Any, Strategy] = {"Surge": "Surge", "Replace": "Replace"}


def read_records(identity: Identity, listed: Iterable[KubernetesObject]) -> tuple[RevisionRecord, ...]:
    """Read what is kept of the revisions of one resource, the newest last; what nobody of us wrote is left out."""
    records = [_read_record(identity, live) for live in listed if _is_own(live, identity)]
    return tuple(sorted((record for record in records if record is not None), key=lambda record: record.number))


def read_live_server(
    server: KubernetesObject,
    pods: Sequence[KubernetesObject],
    gpu_resource: str,
    enough: int | None = None,
    *,
    workers: Sequence[KubernetesObject] = (),
) -> LiveServer:
    """Read the Deployment or LeaderWorkerSet that is there, with the pods that it made.

    Parameters
    ----------
    workers
        The pods that those which serve lead.
    enough
        How many ready pods make it settled, where a scaler may just add more; None where it takes all.
    """
    annotations, revision = _annotations_of(server), read_revision(server)
    observed = observe_pods(pods)
    replicas = server["spec"].get("replicas") or 0
    serving = [pod.ready and pod.revision == revision for pod in observed]
    is_whole = all(serving) and len(serving) == replicas and observe_server(server).is_observed
    is_enough = enough is not None and sum(serving) >= enough and all(pod.revision == revision for pod in observed)
    strategy, why = _read_rollout(server)
    return LiveServer(
        revision=revision,
        base_revision=annotations.get(BASE_REVISION_ANNOTATION, ""),
        inputs=annotations.get(INPUTS_LABEL, ""),
        operator_version=annotations.get(OPERATOR_VERSION_ANNOTATION, ""),
        strategy=strategy,
        why=why,
        replicas=replicas,
        is_settled=is_whole or is_enough,
        is_short_of_gpus=any(
            pod.revision == revision and gpu_resource in pod.unschedulable
            for pod in (*observed, *observe_pods(workers))
        ),
        ready_pods=sum(pod.ready for pod in observed),
        pods=tuple(_read_pod(pod, gpu_resource) for pod in (*pods, *workers) if _has_node(pod)),
        template=read_pod_template(server),
        worker_template=read_worker_template(server),
        group_size=read_group_size(server),
    )


def read_pinned_revision(deployment: KubernetesObject | None) -> str | None:
    """Read which revision somebody chose; None for an empty word too."""
    return (_annotations_of(deployment).get(PINNED_REVISION_ANNOTATION) if deployment else None) or None


def read_restart(deployment: KubernetesObject | None) -> str | None:
    """Read when somebody asked for new pods, as it was written; None for an empty word too."""
    return (_annotations_of(deployment).get(RESTART_ANNOTATION) if deployment else None) or None


def _read_record(identity: Identity, live: KubernetesObject) -> RevisionRecord | None:
    metadata, data = live["metadata"], live.get("data") or {}
    annotations, template = _annotations_of(live), data.get("template")
    base_revision = metadata["name"].removeprefix(name_record(identity.name, ""))
    if not isinstance(template, Mapping) or not {"metadata", "spec"} <= template.keys():
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
        worker_template=data.get("workerTemplate"),
        group_size=int(data.get("groupSize") or 1),
    )


def _read_failed(text: str | None) -> FailedRevision | None:
    try:
        return _FAILED.validate_json(text, strict=True) if text else None
    except ValidationError:
        return None


def _read_rollout(server: KubernetesObject) -> tuple[Strategy, str]:
    """Read how it was decided that the pods are replaced, and why; without a word of ours, how they are."""
    try:
        remembered: Any = json.loads(_annotations_of(server).get(ROLLOUT_ANNOTATION, ""))
    except ValueError:
        remembered = None
    if isinstance(remembered, dict) and isinstance(remembered.get("strategy"), str):
        strategy = _STRATEGIES.get(remembered["strategy"])
        if strategy is not None:
            return strategy, str(remembered.get("why", ""))
    spec = server["spec"]
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    rolling = (spec.get("rolloutStrategy") or {}).get("rollingUpdateConfiguration") or rolling
    return "Replace" if rolling.get("maxSurge") in {0, "0", "0%", None} else "Surge", ""


def _read_pod(pod: KubernetesObject, gpu_resource: str) -> LivePod:
    return LivePod(
        node=pod["spec"]["nodeName"],
        gpus=count_requested(pod, gpu_resource),
        is_leaving="deletionTimestamp" in pod["metadata"],
        claims=frozenset(list_mounted_claims(pod)),
        group=(pod["metadata"].get("labels") or {}).get(GROUP_KEY_LABEL, ""),
    )


def _has_node(pod: KubernetesObject) -> bool:
    """Tell whether a pod holds something of a node: also one that was told to go, and not one that has ended."""
    is_over = (pod.get("status") or {}).get("phase") in ENDED_PHASES
    return bool((pod.get("spec") or {}).get("nodeName")) and not is_over


def _is_own(live: KubernetesObject, identity: Identity) -> bool:
    try:
        return find_foreign(live, identity) is None
    except ConflictError:
        return False  # of an earlier resource of the same name, on its way out


def _annotations_of(live: KubernetesObject) -> Mapping[str, str]:
    return live["metadata"].get("annotations") or {}
