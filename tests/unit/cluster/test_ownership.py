import pytest

from nemotron_operator.cluster.ownership import find_foreign
from nemotron_operator.errors import ConflictError
from nemotron_operator.plan.facts import ForeignObject
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_live_claim, a_live_object, child_labels, controlled_by

IDENTITY = a_deployment().parsed.identity


def test_what_our_resource_controls_is_ours() -> None:
    assert find_foreign(a_live_object("Service", "nemotron", owner=controlled_by()), IDENTITY) is None


@pytest.mark.parametrize(
    ("labels", "owner", "said"),
    [
        ({}, None, "somebody else (it names no owner)"),
        ({"app.kubernetes.io/managed-by": "Helm"}, None, "Helm"),
        (child_labels(), None, "nemotron-operator"),
        ({}, controlled_by("web", kind="ReplicaSet"), "ReplicaSet 'web'"),
        (child_labels(), controlled_by("other"), "NemotronDeployment 'other'"),
    ],
)
def test_whatever_another_owns_is_foreign_and_its_owner_is_named(
    labels: dict[str, str], owner: dict[str, object] | None, said: str
) -> None:
    live = a_live_object("Service", "nemotron", labels=labels, owner=owner)
    assert ForeignObject("Service", "nemotron", said) == find_foreign(live, IDENTITY)


def test_an_owner_that_does_not_control_does_not_count() -> None:
    owner = {**controlled_by(), "controller": False}
    assert find_foreign(a_live_object("Service", "nemotron", owner=owner), IDENTITY) is not None


def test_a_child_of_an_earlier_resource_of_the_name_is_waited_for() -> None:
    live = a_live_object("Service", "nemotron", owner=controlled_by(uid="earlier"))
    with pytest.raises(ConflictError, match="still belongs to a deleted NemotronDeployment of the same name"):
        find_foreign(live, IDENTITY)


def test_a_shared_volume_is_ours_by_its_label() -> None:
    assert find_foreign(a_live_claim(), IDENTITY) is None
    foreign = a_live_claim()
    foreign["metadata"]["labels"] = None
    assert ForeignObject("PersistentVolumeClaim", "model-x", "somebody else (it names no owner)") == find_foreign(
        foreign, IDENTITY
    )
