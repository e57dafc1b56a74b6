"""The cluster's storage: what cannot work is said before anything is made, and what waits says for what."""

import pytest

from lab.bring_up import apply
from lab.volumes import ZONAL_STORAGE_CLASS, ZONE_LABEL, storage_class, zonal_volume
from tests.support.cluster import Body, Namespace, RunningOperator, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")


def test_a_storage_class_that_is_not_there_is_told_and_found_once_it_is(namespace: Namespace) -> None:
    name = f"late-{namespace.name}"
    namespace.apply(a_resource(cache={"storageClassName": name}))
    stalled = namespace.wait_for_reason("nemotron", "Stalled", "StorageClassNotFound")
    assert f"there is no StorageClass '{name}'" in stalled["message"]
    assert "lab-standard" in stalled["message"]
    assert "kubectl get storageclass" in stalled["message"]
    assert [] == namespace.list("pvc,job,deployment")

    late = storage_class()
    late["metadata"] = {"name": name}
    apply(namespace.plane, [late])
    namespace.wait_for_reason("nemotron", "Planned", "Fits")


def test_a_volume_that_cannot_grow_is_told_and_what_serves_goes_on(namespace: Namespace) -> None:
    namespace.apply(a_resource())
    namespace.wait_until_ready()
    (claim,) = namespace.list("pvc")

    namespace.patch("nemo", "nemotron", {"spec": {"cache": {"size": "500Gi"}}})

    planned = namespace.wait_for_reason("nemotron", "Planned", "VolumeCannotGrow")
    assert "StorageClass 'lab-standard' does not have allowVolumeExpansion: true" in planned["message"]
    available = namespace.condition("nemotron", "Available")
    assert available is not None
    assert "True" == available["status"]
    (after,) = namespace.list("pvc")
    assert claim["spec"] == after["spec"]


def test_a_volume_that_waits_for_its_first_pod_is_made_where_the_gpus_are(namespace: Namespace) -> None:
    zone = f"zone-{namespace.name}"
    namespace.plane.kubectl("label", "node", "h100-1", f"{ZONE_LABEL}={zone}", "--overwrite")
    apply(namespace.plane, [zonal_volume(f"zonal-{namespace.name}", zone)])

    namespace.apply(a_resource(cache={"storageClassName": ZONAL_STORAGE_CLASS}))

    namespace.wait_until_ready()
    (claim,) = namespace.list("pvc")
    assert f"zonal-{namespace.name}" == claim["spec"]["volumeName"]
    nodes = {pod["spec"]["nodeName"] for pod in namespace.list("pod")}
    assert {"h100-1"} == nodes


def test_a_volume_that_is_not_made_is_told_as_what_the_pod_waits_for(namespace: Namespace) -> None:
    namespace.apply(a_resource(cache={"storageClassName": ZONAL_STORAGE_CLASS}))
    waiting = namespace.wait_for_reason("nemotron", "ModelCached", "VolumePending")
    wait_until(
        "the scheduler has spoken",
        lambda: "persistent volumes to bind" in str(namespace.condition("nemotron", "Ready")),
    )
    assert "describe pvc" in waiting["message"]


def test_a_pod_without_a_node_is_told_and_not_its_volume(namespace: Namespace) -> None:
    """The volume would be made at once if there were a node of this accelerator."""
    namespace.apply(a_resource(accelerator="H100-PCIe-80GB", cache={"storageClassName": ZONAL_STORAGE_CLASS}))
    waiting = namespace.wait_for_reason("nemotron", "ModelCached", "Unschedulable")
    assert "is not bound yet: it is made where this pod runs" in waiting["message"]


def test_a_volume_in_a_zone_without_gpus_is_told_with_its_zone_and_the_way_out(namespace: Namespace) -> None:
    volume = zonal_volume(f"away-{namespace.name}", "zone-without-gpus")
    volume["spec"]["claimRef"] = {"namespace": namespace.name, "name": "mine"}
    apply(namespace.plane, [volume])
    namespace.apply(_claim_of(volume))
    namespace.kubectl("wait", "--for=jsonpath={.status.phase}=Bound", "pvc/mine", "--timeout=30s")

    namespace.apply(a_resource(cache={"existingClaim": "mine"}))

    waiting = namespace.wait_for_reason("nemotron", "ModelCached", "Unschedulable")
    assert "reaches volume 'mine', which is in zone 'zone-without-gpus'" in waiting["message"]
    assert "WaitForFirstConsumer" in waiting["message"]


def test_nothing_is_asked_about_storage_once_the_volume_is_there(
    namespace: Namespace, operator: RunningOperator
) -> None:
    def count_lists() -> int:
        counted = operator.read_metrics().items()
        return int(sum(value for name, value in counted if "_total{" in name and 'kind="StorageClass"' in name))

    def others() -> bool:
        return len(namespace.plane.kubectl("get", "nemo", "-A", "-o", "name").split()) > 1

    namespace.apply(a_resource())
    namespace.wait_until_ready()
    wait_until("the resources of earlier tests are gone, for which the operator may ask", lambda: not others())
    before = count_lists()
    assert 0 < before
    namespace.patch("nemo", "nemotron", {"spec": {"engine": {"maxModelLen": 4096}}})
    namespace.wait_until_ready()
    assert before == count_lists()


def _claim_of(volume: Body) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "mine"},
        "spec": {
            "storageClassName": volume["spec"]["storageClassName"],
            "volumeName": volume["metadata"]["name"],
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Ti"}},
        },
    }
