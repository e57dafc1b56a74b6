"""Names, labels, owners and hashes of the children: the only place that knows them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.constants import (
    API_GROUP,
    API_VERSION,
    COMPONENT_LABEL,
    DEPLOYMENT_LABEL,
    FIELD_MANAGER,
    KIND,
    MANAGED_BY_LABEL,
)
from nemotron_operator.plan.facts import CachedModel, ClaimUser, Damage, InspectedModel

REVISION_LABEL = f"{API_GROUP}/revision"
"""Label of a serving pod: the hash of the template that it was made from."""

INTENT_ANNOTATION = f"{API_GROUP}/intent"
"""Annotation of a child: the hash of what was applied, so that a field dropped from the intent is noticed."""

RETENTION_ANNOTATION = f"{API_GROUP}/retention"
"""Annotation of the shared volume: `Delete` where it goes with its last user."""

CACHED_MODEL_ANNOTATION = f"{API_GROUP}/cached-model"
"""Annotation of the shared volume and of a finished Job, also of an adapter's: what the download left, as its pod said.
"""

DAMAGED_MODEL_ANNOTATION = f"{API_GROUP}/damaged-model"
"""Annotation of the shared volume, or of the Job that repairs a volume of the user's: what was found there."""

CHECK_REQUEST_ANNOTATION = f"{API_GROUP}/verify-requested-at"
"""Annotation of a NemotronDeployment by which somebody asks for a check, RFC 3339. A user writes it."""

CHECK_ANNOTATION = f"{API_GROUP}/check-due-since"
"""Annotation of a check Job and of its pods: what tells them from those that fetch."""

ADAPTER_LIST_ANNOTATION = f"{API_GROUP}/adapters"
"""Annotation of the Job that tells the pods which adapters to load: their names. It tells it from those that fetch."""

INSPECTED_MODEL_ANNOTATION = f"{API_GROUP}/inspected-model"
"""Annotation of a finished inspection Job: what it found, as its pod said."""

PINNED_REVISION_ANNOTATION = f"{API_GROUP}/revision"
"""Annotation of a NemotronDeployment by which somebody chooses the revision to serve, among those that are kept for the
same inputs and the one that is rendered now. A user writes it, mostly by `nemoctl adopt` or `nemoctl rollback`."""

RESTART_ANNOTATION = f"{API_GROUP}/restarted-at"
"""Annotation of a NemotronDeployment by which somebody asks for new pods, RFC 3339, and of the pods made for it."""

INPUTS_LABEL = f"{API_GROUP}/inputs"
"""Label of a kept revision, and annotation of a Deployment: the hash of what the user and the volume decide about the
pods."""

BASE_REVISION_ANNOTATION = f"{API_GROUP}/base-revision"
"""Annotation of a Deployment: the kept revision that its pods were made from."""

OPERATOR_VERSION_ANNOTATION = f"{API_GROUP}/operator-version"
"""Annotation of a Deployment and of a kept revision: the version of the operator that rendered the pods."""

ROLLOUT_ANNOTATION = f"{API_GROUP}/rollout"
"""Annotation of a Deployment: how its pods are replaced and why, as it was decided when the rollout began."""

FAILED_ANNOTATION = f"{API_GROUP}/failed"
"""Annotation of a kept revision: that its rollout failed, and why."""

SERVED_ANNOTATION = f"{API_GROUP}/served-at"
"""Annotation of a kept revision: when all its replicas first served, RFC 3339."""

WORKER_TEMPLATE_ANNOTATION = f"{API_GROUP}/worker-template"
"""Annotation of a pod that leads others: the hash of their template, so that other workers make another revision."""

PROGRESS_DEADLINE_ANNOTATION = f"{API_GROUP}/progress-deadline-seconds"
"""Annotation of a LeaderWorkerSet: how long a group may take to serve. A Deployment has a field for it."""

GROUP_FAILURES_ANNOTATION = f"{API_GROUP}/group-failures"
"""Annotation of a LeaderWorkerSet: how often a group was made anew since its pods last served, and why the last time.
LeaderWorkerSet counts none, and the pods that knew are gone."""

VOLUME_LABEL = f"{API_GROUP}/volume"
"""Label of a pod that mounts a volume: which one, so that it is told from pods on the volume of another revision."""

SERVER_COMPONENT = "server"
"""Component of the pods that serve."""

WORKER_COMPONENT = "worker"
"""Component of the pods that a server leads where a replica is spread over several nodes: no client reaches them."""

CACHE_COMPONENT = "cache"
"""Component of the Job that fetches, and of its volume."""

ADAPTER_COMPONENT = "adapter"
"""Component of the Jobs that fetch adapters, and of the one that tells the pods which to load."""

INSPECTION_COMPONENT = "inspection"
"""Component of the Job that looks at weights on a volume of the user's, and of its pods."""

VERIFICATION_COMPONENT = "verification"
"""Component of the Job that asks a revision the question, and of its pods."""

REVISION_COMPONENT = "revision"
"""Component of what is kept of a revision."""

_HASH_LENGTH = 12

_LONGEST_LABEL = 63
"""Characters of a label's value; the name of a volume of the user's may be longer."""


def label_managed() -> dict[str, str]:
    """Label what the operator manages but no resource owns: the shared volume."""
    return {MANAGED_BY_LABEL: FIELD_MANAGER, COMPONENT_LABEL: CACHE_COMPONENT}


def label_child(identity: Identity, component: str) -> dict[str, str]:
    """Label a child of one resource. The resource's own labels are never copied: GitOps tools track by them."""
    return {MANAGED_BY_LABEL: FIELD_MANAGER, COMPONENT_LABEL: component, DEPLOYMENT_LABEL: identity.name}


def label_volume(claim_name: str | None) -> dict[str, str]:
    """Label a pod by the volume that it mounts; weights in an image are on none."""
    if not claim_name:
        return {}
    digest = hashlib.sha256(claim_name.encode()).hexdigest()
    return {VOLUME_LABEL: claim_name if len(claim_name) <= _LONGEST_LABEL else digest[:_LONGEST_LABEL]}


def select_pods(identity: Identity) -> dict[str, str]:
    """Select the serving pods of one resource. A selector is for ever: it holds nothing that changes."""
    return {COMPONENT_LABEL: SERVER_COMPONENT, DEPLOYMENT_LABEL: identity.name}


def select_group_pods(identity: Identity) -> dict[str, Any]:
    """Select the serving pods of one resource and those that they lead, as a label selector."""
    expression = {"key": COMPONENT_LABEL, "operator": "In", "values": [SERVER_COMPONENT, WORKER_COMPONENT]}
    return {"matchLabels": {DEPLOYMENT_LABEL: identity.name}, "matchExpressions": [expression]}


def format_selector(labels: dict[str, str]) -> str:
    """Write a selector as text, as the scale subresource wants it."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def refer_to_owner(identity: Identity) -> dict[str, Any]:
    """Refer to the resource as the controlling owner, so that its deletion deletes the child."""
    return {
        "apiVersion": f"{API_GROUP}/{API_VERSION}",
        "kind": KIND,
        "name": identity.name,
        "uid": identity.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def refer_to_user(user: ClaimUser) -> dict[str, Any]:
    """Refer to one of the resources that share a volume: an owner, and not the controlling one."""
    return {"apiVersion": f"{API_GROUP}/{API_VERSION}", "kind": KIND, "name": user.name, "uid": user.uid}


def record_cached_model(cached: CachedModel) -> str:
    """Write what a download left as the text of an annotation."""
    return _record(cached)


def record_damage(damage: Damage) -> str:
    """Write what was found as the text of an annotation."""
    return _record(damage)


def _record(known: CachedModel | Damage) -> str:
    return json.dumps({name: value for name, value in asdict(known).items() if value is not None}, sort_keys=True)


def record_inspected_model(inspected: InspectedModel) -> str:
    """Write what an inspection found as the text of an annotation."""
    return json.dumps(asdict(inspected), sort_keys=True)


def read_revision(server: Mapping[str, Any]) -> str:
    """Read the revision of what makes the pods that serve: the hash of their template."""
    return read_revision_of(read_pod_template(server))


def read_pod_template(server: Mapping[str, Any]) -> dict[str, Any]:
    """Read the template of the pods that serve: those of a Deployment, or the leaders of a LeaderWorkerSet."""
    groups = server["spec"].get("leaderWorkerTemplate")
    template: dict[str, Any] = groups["leaderTemplate"] if groups else server["spec"]["template"]
    return template


def read_worker_template(server: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the template of the pods that they lead; None where each serves alone."""
    groups = server["spec"].get("leaderWorkerTemplate")
    return groups["workerTemplate"] if groups else None


def read_group_size(server: Mapping[str, Any]) -> int:
    """Read how many pods make one replica."""
    groups = server["spec"].get("leaderWorkerTemplate") or {}
    return int(groups.get("size") or 1)


def read_revision_of(template: Mapping[str, Any]) -> str:
    """Read the revision that a pod template is labelled with."""
    labels: dict[str, str] = template["metadata"].get("labels") or {}
    return labels.get(REVISION_LABEL, "")


def name_record(deployment_name: str, base_revision: str) -> str:
    """Name what is kept of a revision."""
    return f"{deployment_name}-{base_revision}"


def hash_manifest(manifest: Mapping[str, Any]) -> str:
    """Hash a manifest, whatever the order of its keys."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
