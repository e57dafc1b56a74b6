"""Which names the observe step has to look up before there is a plan."""

from dataclasses import dataclass

from nemotron_operator.api.v1alpha1 import ParsedDeployment
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.plan.adapter_source import list_adapter_downloads
from nemotron_operator.plan.names import name_download_job, name_inspect_job
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
    inspect_job_name: str | None = None
    """The Job that looks at the user's weights; None when they are on no volume of the user's."""
    adapter_job_names: tuple[str, ...] = ()
    """The Jobs that fetch adapters, each once; none where all of them lie beside the weights."""
    has_image: bool = False
    """Whether the weights come in an image, which not every API server mounts."""


def list_lookups(deployment: ParsedDeployment, catalog: Catalog) -> Lookups:
    """List what a resource would need; nothing of the cache when its model is unknown."""
    spec = deployment.spec
    claim_name = choose_claim_name(spec, catalog)
    download = choose_download(spec.model, catalog)
    if download is None:
        return _list_provided(deployment, claim_name, catalog)
    return Lookups(
        claim_names=(claim_name,),
        shared_claim_name=None if spec.cache.existing_claim else claim_name,
        job_name=name_download_job(deployment.identity.name, claim_name, *download.key),
        adapter_job_names=_list_adapter_jobs(deployment, catalog),
    )


def _list_adapter_jobs(deployment: ParsedDeployment, catalog: Catalog) -> tuple[str, ...]:
    fetched = list_adapter_downloads(deployment.identity.name, deployment.spec, catalog)
    return tuple(dict.fromkeys(each.job_name for each in fetched.values()))


def _list_provided(deployment: ParsedDeployment, claim_name: str, catalog: Catalog) -> Lookups:
    source = deployment.spec.model.source
    provided = source.persistent_volume_claim if source else None
    job_name = None
    if provided is not None:
        name, where = deployment.identity.name, (provided.claim_name, provided.path)
        job_name = name_inspect_job(name, *where, writes_manifest=provided.manifest)
    return Lookups(
        claim_names=(claim_name,) if claim_name else (),
        inspect_job_name=job_name,
        adapter_job_names=_list_adapter_jobs(deployment, catalog),
        has_image=source is not None and source.oci_image is not None,
    )
