"""Which names the observe step has to look up before there is a plan."""

from dataclasses import dataclass

from nemotron_operator.api.v1alpha1 import ParsedDeployment
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.plan.names import name_download_job, name_shared_claim
from nemotron_operator.plan.source import choose_download


@dataclass(frozen=True, slots=True)
class Lookups:
    """Names of one resource, beside its own."""

    claim_names: tuple[str, ...] = ()
    """The volume first that the weights are on; then others that the spec names."""
    shared_claim_name: str | None = None
    """The volume that the operator makes; None when the user's is used."""
    job_name: str | None = None
    """The cache Job; None when nothing is downloaded."""


def list_lookups(deployment: ParsedDeployment, catalog: Catalog) -> Lookups:
    """List what a resource would need; nothing of the cache when its model is unknown."""
    spec = deployment.spec
    provided = spec.model.source.persistent_volume_claim if spec.model.source else None
    if provided is not None:
        return Lookups(claim_names=(provided.claim_name,))
    download = choose_download(spec.model, catalog)
    if download is None:
        return Lookups()
    shared = None if spec.cache.existing_claim else name_shared_claim(download.repository, download.revision)
    claim_name = spec.cache.existing_claim or shared or ""
    job_name = name_download_job(deployment.identity.name, claim_name, download.repository, download.revision)
    return Lookups(claim_names=(claim_name,), shared_claim_name=shared, job_name=job_name)
