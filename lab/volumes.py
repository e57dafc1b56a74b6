"""Storage: a default class, and volumes for the real controller to bind claims to."""

from pathlib import Path
from typing import Any

STORAGE_CLASS = "lab-standard"

ZONAL_STORAGE_CLASS = "lab-zonal"
"""The class whose volumes wait for their first pod, and are reached from one node only."""

REAL_STORAGE_CLASS = "lab-real"
"""The class to name in a claim whose pods run on the real node."""

ZONE_LABEL = "topology.kubernetes.io/zone"
"""The label of a node that names its zone."""

_ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany")


def storage_class() -> dict[str, Any]:
    """Make the default class: no provisioner, claims are bound at once to a volume that lies ready."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": False,
    }


def zonal_storage_class() -> dict[str, Any]:
    """Make the class that binds a claim where its first pod runs."""
    made = storage_class()
    made["metadata"] = {"name": ZONAL_STORAGE_CLASS}
    return {**made, "volumeBindingMode": "WaitForFirstConsumer"}


def zonal_volume(name: str, zone: str) -> dict[str, Any]:
    """Make a volume that only nodes of one zone reach."""
    volume = _volume(name)
    expression = {"key": ZONE_LABEL, "operator": "In", "values": [zone]}
    volume["spec"] |= {
        "storageClassName": ZONAL_STORAGE_CLASS,
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
    }
    return volume


def real_storage_class() -> dict[str, Any]:
    """Make the class of the volumes that hold something."""
    made = storage_class()
    made["metadata"] = {"name": REAL_STORAGE_CLASS}
    return made


def real_volumes(node: str, directory: Path, count: int = 96) -> list[dict[str, Any]]:
    """Make volumes that are directories of this machine, for pods of one node; pods of any user may write to them.

    A volume serves one claim, as nothing empties a directory that holds what somebody wrote: the node tier, which makes
    a claim or two for each of its tests, must not come to the last.
    """
    made = [_volume(f"lab-real-volume-{index:03}") for index in range(count)]
    for volume in made:
        path = directory / volume["metadata"]["name"]
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        volume["spec"] |= {
            "storageClassName": REAL_STORAGE_CLASS,
            "hostPath": {"path": str(path), "type": "Directory"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
        }
    return made


def volumes(count: int = 32) -> list[dict[str, Any]]:
    """Make volumes of 2Ti that take any access mode; a Stage hands a released one out again."""
    return [_volume(f"lab-volume-{index:03}") for index in range(count)]


def _volume(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": STORAGE_CLASS,
            "capacity": {"storage": "2Ti"},
            "accessModes": list(_ACCESS_MODES),
            # Delete would have the controller manager remove the directory on this machine.
            "persistentVolumeReclaimPolicy": "Retain",
            # Simulated pods mount nothing: the directory is never made.
            "hostPath": {"path": f"/nonexistent/{name}"},
        },
    }
