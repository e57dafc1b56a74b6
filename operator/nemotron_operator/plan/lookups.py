"""Which names the observe step has to look up before there is a plan."""

from dataclasses import dataclass

from nemotron_operator.api.v1alpha1 import ParsedDeployment
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.plan.names import name_download_job
from nemotron_operator.plan.source import choose_claim_name, choose_download


@dataclass(frozen=True, slots=True)
class Lookups:
    """Names of one resource, beside its own."""

    claim_names: tuple[str, ...] = ()
    """The volume that the weights are on; none for an unknown model."""
    shared_claim_name: str | None = None
    """The volume that the operator makes; None when the user's is used."""
    job_name: str | None = None
    """The cache Job; None when nothing is downloaded."""


def list_lookups(deployment: ParsedDeployment, catalog: Catalog) -> Lookups:
    """List what a resource would need; nothing of the cache when its model is unknown."""
    spec = deployment.spec
    claim_name = choose_claim_name(spec, catalog)
    download = choose_download(spec.model, catalog)
    if download is None:
        return Lookups(claim_names=(claim_name,) if claim_name else ())
    return Lookups(
        claim_names=(claim_name,),
        shared_claim_name=None if spec.cache.existing_claim else claim_name,
        job_name=name_download_job(deployment.identity.name, claim_name, download.repository, download.revision),
    )
