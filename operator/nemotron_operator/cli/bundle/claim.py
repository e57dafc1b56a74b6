"""The claim that an import fills: made as the operator would make it, so that it takes the volume over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nemotron_operator.api.conditions import rfc3339
from nemotron_operator.cli.bundle.layout import BundleDescription
from nemotron_operator.cli.bundle.resource import PlannedBundle
from nemotron_operator.cli.cache.volume import is_managed
from nemotron_operator.cli.cluster_access import explained
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.checks import is_refuted, read_damage
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CLAIM
from nemotron_operator.cluster.observation import read_recorded_model
from nemotron_operator.constants import FIELD_MANAGER, MANAGED_BY_LABEL
from nemotron_operator.errors import OperatorError
from nemotron_operator.plan.facts import CachedModel
from nemotron_operator.render.manifests import render
from nemotron_operator.render.metadata import CACHED_MODEL_ANNOTATION, record_cached_model


@dataclass(frozen=True, slots=True)
class Received:
    """What the receiver measured."""

    at: datetime
    """When every byte had been read again, UTC."""
    read_bytes_per_second: int | None


def render_claim(planned: PlannedBundle) -> dict[str, Any]:
    """Render the claim: by the operator's own code, to the last annotation."""
    claim = render(planned.plan).claim
    if claim is None:
        raise AssertionError("a resource whose volume is the user's is refused before")
    return claim


async def find_or_make_claim(gateway: ClusterGateway, manifest: Mapping[str, Any]) -> KubernetesObject:
    """Find the claim of that name, or make it."""
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    with explained("get", CLAIM, namespace):
        live = await gateway.get(CLAIM, namespace, name)
    if live is not None:
        return live
    with explained("create", CLAIM, namespace):
        return await gateway.create(CLAIM, dict(manifest))


def is_full(claim: KubernetesObject, description: BundleDescription) -> bool:
    """Tell whether a claim holds the bundle's model already, and no damage was found to it since.

    Raises
    ------
    OperatorError
        It is somebody else's, holds another commit, or is being deleted; the message names the way out.
    """
    metadata = claim["metadata"]
    name, namespace = metadata["name"], metadata["namespace"]
    if not is_managed(claim):
        maker = (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) or "no label says who"
        raise OperatorError(
            f"The claim {name!r} in namespace {namespace!r} was not made by {FIELD_MANAGER} ({maker}), and is not "
            "touched. Import into another namespace, or rename it."
        )
    if "deletionTimestamp" in metadata:
        raise OperatorError(
            f"The claim {name!r} in namespace {namespace!r} is being deleted. Wait until it is gone: "
            f"`kubectl wait --for=delete pvc/{name} -n {namespace}`."
        )
    cached = read_recorded_model(claim)
    if cached is None:
        return False
    if (cached.commit, cached.manifest_sha256) != (description.commit, description.manifest_sha256):
        raise OperatorError(
            f"The claim {name!r} in namespace {namespace!r} holds commit {cached.commit[:12]} of {cached.repository} "
            f"at {description.revision}, the bundle brings {description.commit[:12]}. Export with --revision "
            f"{description.commit}, which gets a volume of its own, or delete the old one: `nemoctl cache rm {name} "
            f"-n {namespace}`."
        )
    return not is_refuted(cached, read_damage(claim))


async def record_on_claim(
    gateway: ClusterGateway, claim: KubernetesObject, description: BundleDescription, received: Received
) -> None:
    """Record on the claim what is on it, as the operator does after a download."""
    cached = CachedModel(
        repository=description.repository,
        commit=description.commit,
        size_bytes=description.size_bytes,
        files=description.files,
        manifest_sha256=description.manifest_sha256,
        verified_at=rfc3339(received.at),
        read_bytes_per_second=received.read_bytes_per_second,
    )
    with explained("patch", CLAIM, claim["metadata"]["namespace"]):
        await gateway.annotate(CLAIM, claim, {CACHED_MODEL_ANNOTATION: record_cached_model(cached)})
