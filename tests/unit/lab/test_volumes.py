from pathlib import Path

from lab.volumes import (
    REAL_STORAGE_CLASS,
    STORAGE_CLASS,
    ZONAL_STORAGE_CLASS,
    real_storage_class,
    real_volumes,
    storage_class,
    volumes,
    zonal_storage_class,
    zonal_volume,
)


def test_the_storage_class_is_the_default_and_binds_at_once() -> None:
    manifest = storage_class()
    assert manifest["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert manifest["volumeBindingMode"] == "Immediate"


def test_volumes_take_any_access_mode_and_belong_to_the_default_class() -> None:
    for volume in volumes(2):
        spec = volume["spec"]
        assert set(spec["accessModes"]) == {"ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"}
        assert spec["capacity"] == {"storage": "2Ti"}
        assert spec["storageClassName"] == STORAGE_CLASS


def test_volumes_have_names_and_paths_of_their_own() -> None:
    made = volumes(20)
    assert len({volume["metadata"]["name"] for volume in made}) == 20
    assert len({volume["spec"]["hostPath"]["path"] for volume in made}) == 20


def test_a_volume_is_never_deleted_by_the_controller_manager() -> None:
    # Deleting a hostPath volume removes the directory on the machine that runs the test.
    assert {volume["spec"]["persistentVolumeReclaimPolicy"] for volume in volumes()} == {"Retain"}


def test_volumes_of_the_real_node_are_directories_that_any_user_may_write_to(tmp_path: Path) -> None:
    for volume in real_volumes("real-0", tmp_path, 2):
        path = Path(volume["spec"]["hostPath"]["path"])
        assert path.parent == tmp_path
        assert path.stat().st_mode & 0o777 == 0o777


def test_volumes_of_the_real_node_lead_their_pods_there_and_nobody_elses(tmp_path: Path) -> None:
    spec = real_volumes("real-0", tmp_path, 1)[0]["spec"]
    terms = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert terms == [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["real-0"]}]}]
    assert spec["storageClassName"] == REAL_STORAGE_CLASS


def test_a_claim_that_names_no_class_gets_a_simulated_volume() -> None:
    assert "annotations" not in real_storage_class()["metadata"]


def test_a_zonal_volume_waits_for_a_pod_in_its_zone() -> None:
    manifest = zonal_storage_class()
    assert (ZONAL_STORAGE_CLASS, "WaitForFirstConsumer") == (
        manifest["metadata"]["name"],
        manifest["volumeBindingMode"],
    )
    spec = zonal_volume("x", "zone-a")["spec"]
    (term,) = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert ZONAL_STORAGE_CLASS == spec["storageClassName"]
    assert [("topology.kubernetes.io/zone", ["zone-a"])] == [
        (expression["key"], expression["values"]) for expression in term["matchExpressions"]
    ]
