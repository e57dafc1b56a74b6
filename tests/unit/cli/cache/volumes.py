"""Claims, deployments and pods as a cluster holds them."""

from typing import Any

from nemotron_operator.constants import COMPONENT_LABEL, FIELD_MANAGER, MANAGED_BY_LABEL
from nemotron_operator.plan.facts import CachedModel, Damage
from nemotron_operator.render.metadata import (
    CACHED_MODEL_ANNOTATION,
    DAMAGED_MODEL_ANNOTATION,
    record_cached_model,
    record_damage,
)
from nemotron_operator.units import GIB, MIB

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "acme/llama-70b"
CACHED = CachedModel(
    repository=REPOSITORY,
    commit=COMMIT,
    size_bytes=68 * GIB,
    files=26,
    manifest_sha256="f" * 64,
    verified_at="2026-11-24T08:00:00Z",
    read_bytes_per_second=1400 * MIB,
)

Body = dict[str, Any]


def a_claim(
    name: str = "model-a", *, cached: CachedModel | None = CACHED, damage: Damage | None = None, **annotations: str
) -> Body:
    """Make a claim of the operator's; annotations are of the operator's own group."""
    recorded = {CACHED_MODEL_ANNOTATION: record_cached_model(cached)} if cached else {}
    if damage is not None:
        recorded[DAMAGED_MODEL_ANNOTATION] = record_damage(damage)
    named = {f"nemotron.dev/{key}": value for key, value in annotations.items()}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "labels": {MANAGED_BY_LABEL: FIELD_MANAGER, COMPONENT_LABEL: "cache"},
            "annotations": {
                "nemotron.dev/repository": REPOSITORY,
                "nemotron.dev/revision": "main",
                **recorded,
                **named,
            },
        },
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "82Gi"}}},
        "status": {"phase": "Bound", "capacity": {"storage": "100Gi"}},
    }


def a_user(name: str = "nemotron", claim: str = "model-a", **cache: object) -> Body:
    """Make a NemotronDeployment that uses a claim; keyword arguments are further fields of `status.cache`."""
    status = {"observedGeneration": 1, "cache": {"claimName": claim, **cache}}
    return {"metadata": {"name": name, "generation": 1}, "spec": {"model": {"name": "m"}}, "status": status}


def a_pod(name: str = "loader", claim: str = "model-a", phase: str = "Running") -> Body:
    """Make a pod that mounts a claim."""
    volume = {"name": "models", "persistentVolumeClaim": {"claimName": claim}}
    return {
        "metadata": {"name": name},
        "spec": {"volumes": [{"name": "tmp", "emptyDir": {}}, volume]},
        "status": {"phase": phase},
    }
