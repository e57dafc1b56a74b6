"""What a claim says of the model on its volume, and who uses it. Pure: what it reads was fetched before."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.checks import is_refuted, read_damage
from nemotron_operator.cluster.observation import read_recorded_model
from nemotron_operator.constants import API_GROUP
from nemotron_operator.plan.facts import CachedModel
from nemotron_operator.render.metadata import RETENTION_ANNOTATION, label_managed

REPOSITORY_ANNOTATION = f"{API_GROUP}/repository"
"""Annotation of a claim: the repository that the volume is for, before anything is on it."""

REVISION_ANNOTATION = f"{API_GROUP}/revision"
"""Annotation of a claim: the commit, branch or tag that the volume is for."""

RETAIN = "Retain"
"""What becomes of a claim without the annotation that says otherwise."""

SHORT_COMMIT_DIGITS = 12
"""How many digits of a commit a table shows."""


@dataclass(frozen=True, slots=True)
class ModelVolume:
    """One volume of the operator's."""

    namespace: str
    claim_name: str
    repository: str | None
    revision: str | None
    """What was asked for: a commit, branch or tag; None for an object store."""
    cached: CachedModel | None
    """What is on it; None until a download has finished."""
    damage: str | None
    """Which files were found to be damaged since it was verified; None when none was."""
    capacity: str
    """Size of the volume, as Kubernetes writes quantities; what is requested, until it is bound."""
    phase: str
    """`Pending`, `Bound` or `Lost`."""
    is_deleted: bool
    """Whether it goes as soon as no pod mounts it."""
    retention: str
    """`Retain` or `Delete`."""
    users: tuple[str, ...]
    """The NemotronDeployments that name it."""

    @property
    def short_commit(self) -> str | None:
        """The commit that is on it, as tables show it."""
        return self.cached.commit[:SHORT_COMMIT_DIGITS] if self.cached else None

    def as_json(self) -> dict[str, Any]:
        """Write everything for programs; what is not known is null."""
        cached = self.cached
        return {
            "namespace": self.namespace,
            "claimName": self.claim_name,
            "repository": self.repository,
            "revision": self.revision,
            "commit": cached.commit if cached else None,
            "bytes": cached.size_bytes if cached else None,
            "files": cached.files if cached else None,
            "manifestSha256": cached.manifest_sha256 if cached else None,
            "verifiedAt": cached.verified_at if cached else None,
            "readBytesPerSecond": cached.read_bytes_per_second if cached else None,
            "damage": self.damage,
            "capacity": self.capacity,
            "phase": self.phase,
            "retention": self.retention,
            "usedBy": list(self.users),
        }


def read_volume(claim: KubernetesObject, deployments: Iterable[KubernetesObject]) -> ModelVolume:
    """Read one claim, and find its users among the deployments of any namespace."""
    metadata, status = claim["metadata"], claim.get("status") or {}
    annotations = metadata.get("annotations") or {}
    cached, damage = read_recorded_model(claim), read_damage(claim)
    capacity = (status.get("capacity") or {}).get("storage") or claim["spec"]["resources"]["requests"]["storage"]
    return ModelVolume(
        namespace=metadata["namespace"],
        claim_name=metadata["name"],
        repository=cached.repository if cached else annotations.get(REPOSITORY_ANNOTATION),
        revision=annotations.get(REVISION_ANNOTATION),
        cached=cached,
        damage=damage.message if cached and damage and is_refuted(cached, damage) else None,
        capacity=capacity,
        phase=status.get("phase") or "Pending",
        is_deleted="deletionTimestamp" in metadata,
        retention=annotations.get(RETENTION_ANNOTATION) or RETAIN,
        users=find_users(claim, deployments),
    )


def find_users(claim: KubernetesObject, deployments: Iterable[KubernetesObject]) -> tuple[str, ...]:
    """Name the deployments of the claim's namespace that name it, in their status or in their spec."""
    namespace, name = claim["metadata"]["namespace"], claim["metadata"]["name"]
    own = (body for body in deployments if body["metadata"]["namespace"] == namespace)
    return tuple(sorted(body["metadata"]["name"] for body in own if name in _list_claims(body)))


def is_managed(claim: KubernetesObject) -> bool:
    """Tell whether the operator made a claim."""
    return label_managed().items() <= (claim["metadata"].get("labels") or {}).items()


def _list_claims(deployment: KubernetesObject) -> set[str | None]:
    """List the claims of a deployment: the one in force, and those that a spec nobody has seen yet names."""
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    provided = ((spec.get("model") or {}).get("source") or {}).get("persistentVolumeClaim") or {}
    return {
        (status.get("cache") or {}).get("claimName"),
        (spec.get("cache") or {}).get("existingClaim"),
        provided.get("claimName"),
    }
