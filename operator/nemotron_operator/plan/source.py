"""Where the bytes come from: the user's word, else the catalogue's."""

from dataclasses import dataclass

from nemotron_operator.api.source import S3Source
from nemotron_operator.api.spec import ModelSpec, NemotronDeploymentSpec
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.plan.names import name_shared_claim


@dataclass(frozen=True, slots=True)
class Download:
    """What is fetched, and from where."""

    repository: str
    """The hub's repository, or `s3://BUCKET/PREFIX`."""
    revision: str
    """Commit, branch or tag of the repository; empty for an object store, which has none."""
    s3: S3Source | None = None
    """The object store; None for a hub."""

    @property
    def key(self) -> tuple[str, ...]:
        """Everything that makes it another download than the next: what its volume and its Job are named by."""
        place = (self.s3.endpoint or "", self.s3.region or "") if self.s3 else ()
        return (self.repository, self.revision, *place)

    @property
    def label(self) -> str:
        """Name it in a sentence."""
        return f"{self.repository} at {self.revision}" if self.revision else self.repository


def find_entry(model: ModelSpec, catalog: Catalog) -> CatalogEntry | None:
    """Find the catalogue entry that a spec means, by its name or by the repository of its source."""
    if model.name is not None:
        return catalog.find(model.name)
    if model.source is not None and model.source.hugging_face is not None:
        return catalog.find(model.source.hugging_face.repository)
    return None


def choose_download(model: ModelSpec, catalog: Catalog) -> Download | None:
    """Choose what is fetched; None when the weights are there already, or the model is unknown."""
    entry, source = find_entry(model, catalog), model.source
    if entry is None or (source is not None and (source.persistent_volume_claim or source.oci_image)):
        return None
    if source is not None and source.s3 is not None:
        return name_s3_download(source.s3)
    hub = source.hugging_face if source else None
    repository = hub.repository if hub else entry.repository
    fallback = entry.revision if repository == entry.repository else "main"
    return Download(repository, (hub.revision if hub else None) or fallback)


def name_s3_download(s3: S3Source) -> Download:
    """Name what a directory of an object store holds now."""
    return Download(f"s3://{s3.bucket}/{s3.prefix}", revision="", s3=s3)


def choose_claim_name(spec: NemotronDeploymentSpec, catalog: Catalog) -> str:
    """Choose the volume: the one that the user names, or the shared one of the revision.

    Empty for an unknown model, and for weights in an image.
    """
    if spec.model.source is not None and spec.model.source.persistent_volume_claim is not None:
        return spec.model.source.persistent_volume_claim.claim_name
    if spec.model.source is not None and spec.model.source.oci_image is not None:
        return ""
    if spec.cache.existing_claim is not None:
        return spec.cache.existing_claim
    download = choose_download(spec.model, catalog)
    return name_shared_claim(*download.key) if download else ""
