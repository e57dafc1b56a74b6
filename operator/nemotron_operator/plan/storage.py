"""StorageClasses: which one a volume gets, and when the cluster has to be asked for them."""

from collections.abc import Sequence

from nemotron_operator.api.cache import CacheSpec
from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.facts import ClaimFact, StorageClassFact

ZONAL_PROVISIONERS = frozenset(
    {
        "cinder.csi.openstack.org",
        "disk.csi.azure.com",
        "ebs.csi.aws.com",
        "ebs.csi.eks.amazonaws.com",
        "kubernetes.io/aws-ebs",
        "kubernetes.io/azure-disk",
        "kubernetes.io/cinder",
        "kubernetes.io/gce-pd",
        "kubernetes.io/vsphere-volume",
        "pd.csi.storage.gke.io",
    }
)
"""Provisioners of disks that only the nodes of one zone can attach.

Source: the drivers' own documentation, and the topology of in-tree volumes (k8s.io/csi-translation-lib).
"""


def choose_storage_class(classes: Sequence[StorageClassFact], wanted: str | None) -> StorageClassFact | None:
    """Choose as the API server does: the named one, else the newest of the defaults."""
    if wanted is not None:
        return next((found for found in classes if found.name == wanted), None)
    defaults = [found for found in classes if found.is_default]
    return max(defaults, key=lambda found: found.created_at, default=None)


def wants_growth(cache: CacheSpec, live: ClaimFact) -> bool:
    """Tell whether a volume that exists has to grow: only a size that somebody wrote down makes it."""
    return cache.size is not None and int(parse_quantity(cache.size)) > live.size_bytes


def needs_storage_classes(cache: CacheSpec, live: ClaimFact | None) -> bool:
    """Tell whether the StorageClasses decide about the shared volume: it has to be made, or to grow."""
    return live is None or wants_growth(cache, live)
