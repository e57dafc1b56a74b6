from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.render.metadata import (
    format_selector,
    hash_manifest,
    label_child,
    label_managed,
    refer_to_owner,
    select_pods,
)
from tests.support.kubernetes_rules import is_label_key, is_label_value

IDENTITY = Identity(namespace="team", name="nemotron", uid="u-1", generation=1)


def test_a_child_is_labelled_with_its_resource() -> None:
    expected = {
        "app.kubernetes.io/managed-by": "nemotron-operator",
        "nemotron.dev/component": "server",
        "nemotron.dev/deployment": "nemotron",
    }
    assert expected == label_child(IDENTITY, "server")


def test_the_shared_volume_names_no_resource() -> None:
    assert "nemotron.dev/deployment" not in label_managed()


def test_a_selector_is_part_of_the_labels_and_written_in_order() -> None:
    assert select_pods(IDENTITY).items() <= label_child(IDENTITY, "server").items()
    assert "nemotron.dev/component=server,nemotron.dev/deployment=nemotron" == format_selector(select_pods(IDENTITY))


def test_an_owner_controls_and_blocks() -> None:
    assert {
        "apiVersion": "nemotron.dev/v1alpha1",
        "kind": "NemotronDeployment",
        "name": "nemotron",
        "uid": "u-1",
        "controller": True,
        "blockOwnerDeletion": True,
    } == refer_to_owner(IDENTITY)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_a_hash_does_not_depend_on_the_order_of_keys(manifest: dict[str, int | str]) -> None:
    reordered = dict(reversed(manifest.items()))
    assert hash_manifest(manifest) == hash_manifest(reordered)
    assert is_label_value(hash_manifest(manifest))


@given(st.dictionaries(st.text(max_size=3), st.integers(), min_size=1, max_size=5))
def test_a_hash_depends_on_every_value(manifest: dict[str, int]) -> None:
    for key, value in manifest.items():
        assert hash_manifest(manifest) != hash_manifest({**manifest, key: value + 1})
        assert hash_manifest(manifest) != hash_manifest({k: v for k, v in manifest.items() if k != key})


def test_every_key_is_one_that_kubernetes_takes() -> None:
    for labels in (label_managed(), label_child(IDENTITY, "cache")):
        assert all(is_label_key(key) and is_label_value(value) for key, value in labels.items())
