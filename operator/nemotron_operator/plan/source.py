"""Where the bytes come from: the user's word, else the catalogue's."""

from dataclasses import dataclass

from nemotron_operator.api.spec import ModelSpec, NemotronDeploymentSpec
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.plan.names import name_shared_claim


@dataclass(frozen=True, slots=True)
class Download:
    """Which repository is fetched at which revision."""

    repository: str
    revision: str


def find_entry(model: ModelSpec, catalog: Catalog) -> CatalogEntry | None:
    """Find the catalogue entry that a spec means, by its name or by the repository of its source."""
    if model.name is not None:
        return catalog.find(model.name)
    if model.source is not None and model.source.hugging_face is not None:
        return catalog.find(model.source.hugging_face.repository)
    return None


def choose_download(model: ModelSpec, catalog: Catalog) -> Download | None:
    """Choose repository and revision; None when the weights are the user's or the model is unknown."""
    entry = find_entry(model, catalog)
    if entry is None or (model.source is not None and model.source.persistent_volume_claim is not None):
        return None
    hub = model.source.hugging_face if model.source else None
    repository = hub.repository if hub else entry.repository
    fallback = entry.revision if repository == entry.repository else "main"
    return Download(repository, (hub.revision if hub else None) or fallback)


def choose_claim_name(spec: NemotronDeploymentSpec, catalog: Catalog) -> str:
    """Choose the volume: the one that the user names, or the shared one of the revision; none for an unknown model."""
    if spec.model.source is not None and spec.model.source.persistent_volume_claim is not None:
        return spec.model.source.persistent_volume_claim.claim_name
    if spec.cache.existing_claim is not None:
        return spec.cache.existing_claim
    download = choose_download(spec.model, catalog)
    return name_shared_claim(download.repository, download.revision) if download else ""
