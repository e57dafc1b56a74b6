from lab.volumes import STORAGE_CLASS, storage_class, volumes


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
