"""Where an adapter comes from, and which Job fetches it."""

from dataclasses import dataclass

from nemotron_operator.api.adapters import AdapterSpec
from nemotron_operator.api.source import HuggingFaceSource
from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.plan.names import name_adapter_job
from nemotron_operator.plan.source import Download, choose_claim_name, name_s3_download


@dataclass(frozen=True, slots=True)
class AdapterDownload:
    """What one adapter's Job fetches. Two names for the same adapter have one Job."""

    job_name: str
    download: Download
    hub: HuggingFaceSource | None
    """What the user says of the hub; None for an object store."""


def list_adapter_downloads(
    deployment_name: str, spec: NemotronDeploymentSpec, catalog: Catalog
) -> dict[str, AdapterDownload]:
    """List what is fetched by the names of the adapters; those that lie beside the weights are not among it.

    Nothing where there is no volume to fetch to: the model is unknown, or comes in an image.
    """
    claim_name = choose_claim_name(spec, catalog)
    if not claim_name:
        return {}
    found = {adapter.name: _choose_download(adapter) for adapter in spec.model.adapters}
    return {
        adapter.name: AdapterDownload(
            name_adapter_job(deployment_name, claim_name, *download.key), download, adapter.hugging_face
        )
        for adapter in spec.model.adapters
        if (download := found[adapter.name]) is not None
    }


def _choose_download(adapter: AdapterSpec) -> Download | None:
    if adapter.hugging_face is not None:
        return Download(adapter.hugging_face.repository, adapter.hugging_face.revision or "main")
    return name_s3_download(adapter.s3) if adapter.s3 is not None else None
