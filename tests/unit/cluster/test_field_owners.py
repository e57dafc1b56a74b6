from typing import Any

from nemotron_operator.cluster.field_owners import disown_replicas, is_owned_as_created, turn_into_applied
from tests.support.fixtures.live_objects import a_live_object

OURS_CREATED = {"manager": "nemotron-operator", "operation": "Update", "fieldsV1": {"f:spec": {}}}
OURS_APPLIED = {"manager": "nemotron-operator", "operation": "Apply"}
OURS_OF_THE_STATUS = {"manager": "nemotron-operator", "operation": "Update", "subresource": "status"}
FOREIGN = {"manager": "kubectl", "operation": "Update"}


def test_only_our_own_creation_counts() -> None:
    for entries, is_created in [
        ([OURS_CREATED], True),
        ([FOREIGN, OURS_CREATED], True),
        ([OURS_APPLIED, OURS_OF_THE_STATUS, FOREIGN], False),
        ([], False),
        (None, False),
    ]:
        live = a_live_object("Service", "a")
        live["metadata"]["managedFields"] = entries
        assert is_created == is_owned_as_created(live)


def test_an_object_without_a_record_was_not_created_by_us() -> None:
    assert not is_owned_as_created(a_live_object("Service", "a"))


def test_our_creation_becomes_an_apply_and_nothing_else_changes() -> None:
    before: list[dict[str, Any]] = [FOREIGN, OURS_CREATED, OURS_OF_THE_STATUS]
    assert [FOREIGN, {**OURS_CREATED, "operation": "Apply"}, OURS_OF_THE_STATUS] == turn_into_applied(before)


def test_only_our_apply_gives_the_replicas_away_and_nothing_else() -> None:
    owned: dict[str, Any] = {"f:spec": {"f:replicas": {}, "f:template": {}}}
    scaler = {
        "manager": "kube-controller-manager",
        "operation": "Update",
        "subresource": "scale",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }
    ours, foreign = {**OURS_APPLIED, "fieldsV1": owned}, {"manager": "kubectl", "operation": "Apply", "fieldsV1": owned}
    disowned = {**OURS_APPLIED, "fieldsV1": {"f:spec": {"f:template": {}}}}
    assert [disowned, scaler, foreign] == disown_replicas([ours, scaler, foreign])


def test_what_owns_no_replicas_stays_as_it_is() -> None:
    without: list[dict[str, Any]] = [{**OURS_APPLIED, "fieldsV1": {"f:metadata": {}}}, OURS_OF_THE_STATUS]
    assert without == disown_replicas(without)
