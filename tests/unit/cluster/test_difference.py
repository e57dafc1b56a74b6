from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.cluster.difference import is_in_place
from nemotron_operator.render.metadata import INTENT_ANNOTATION
from tests.support.fixtures.deployments import REMOVED, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import render_cached, server_of
from tests.support.fixtures.specs import deployments

JSON = dict[str, Any]


def a_live_server(deployment: DeploymentBuilder | None = None) -> JSON:
    """Make the Deployment as the API server stores it: defaulted, with a status, with fields of others."""
    live = deepcopy(server_of(render_cached(deployment or a_deployment())))
    live["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 1}
    live["metadata"]["annotations"] |= {"deployment.kubernetes.io/revision": "1"}
    live["status"] = {"replicas": 1}
    pod = live["spec"]["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler"}
    container = pod["containers"][0]
    container |= {"terminationMessagePath": "/dev/termination-log"}
    container["readinessProbe"] |= {"successThreshold": 1}
    container["readinessProbe"]["httpGet"] |= {"scheme": "HTTP"}
    return live


def wanted_server(deployment: DeploymentBuilder | None = None) -> JSON:
    return server_of(render_cached(deployment or a_deployment()))


def containers_of(live: JSON) -> list[JSON]:
    containers: list[JSON] = live["spec"]["template"]["spec"]["containers"]
    return containers


def test_what_the_api_server_adds_does_not_count() -> None:
    assert is_in_place(wanted_server(), a_live_server())


def test_foreign_items_of_lists_that_are_merged_by_name_do_not_count() -> None:
    live = a_live_server()
    containers_of(live).append({"name": "sidecar", "image": "proxy"})
    containers_of(live)[0]["env"].insert(0, {"name": "INJECTED", "value": "1"})
    live["spec"]["template"]["spec"]["volumes"].append({"name": "injected", "emptyDir": {}})
    live["metadata"]["ownerReferences"].append({"name": "other", "uid": "v", "kind": "X", "apiVersion": "v1"})
    assert is_in_place(wanted_server(), live)


def test_foreign_labels_and_annotations_do_not_count() -> None:
    live = a_live_server()
    live["metadata"]["labels"]["team"] = "search"
    live["metadata"]["annotations"]["note"] = "by hand"
    assert is_in_place(wanted_server(), live)


def test_items_of_a_list_merged_by_name_may_stand_in_another_order() -> None:
    live = a_live_server()
    containers_of(live)[0]["env"].reverse()
    assert is_in_place(wanted_server(), live)


@pytest.mark.parametrize("change", ["add", "remove", "swap"])
def test_a_plain_list_counts_as_a_whole(change: str) -> None:
    live = a_live_server()
    arguments = containers_of(live)[0]["args"]
    if change == "add":
        arguments.append("--seed=1")
    elif change == "remove":
        arguments.pop()
    else:
        arguments[-1], arguments[-2] = arguments[-2], arguments[-1]
    assert not is_in_place(wanted_server(), live)


def test_a_field_that_the_intent_dropped_is_noticed() -> None:
    whole = a_deployment().having("podTemplate.priorityClassName", "production")
    assert is_in_place(wanted_server(whole), a_live_server(whole))
    dropped = whole.having("podTemplate.priorityClassName", REMOVED)
    assert not is_in_place(wanted_server(dropped), a_live_server(whole))


def test_an_object_without_a_record_of_the_intent_is_not_in_place() -> None:
    live = a_live_server()
    del live["metadata"]["annotations"][INTENT_ANNOTATION]
    assert not is_in_place(wanted_server(), live)
    live["metadata"]["annotations"] = None
    assert not is_in_place(wanted_server(), live)


def test_what_somebody_scaled_is_noticed() -> None:
    live = a_live_server()
    live["spec"]["replicas"] = 3
    assert not is_in_place(wanted_server(), live)


@pytest.mark.parametrize(("wanted", "live"), [({}, None), ([], None), ("", None), (None, None), ({}, {}), ([], [])])
def test_what_is_empty_may_be_left_out(wanted: object, live: object) -> None:
    annotations = {INTENT_ANNOTATION: "x"}
    desired: JSON = {"metadata": {"annotations": annotations}, "spec": {"field": wanted}}
    stored: JSON = {"metadata": {"annotations": annotations}, "spec": {} if live is None else {"field": live}}
    assert is_in_place(desired, stored)


@pytest.mark.parametrize(("wanted", "live"), [(0, None), (False, None), ({}, 1), ([], [1]), ("", "x"), (None, "x")])
def test_zero_false_and_something_in_an_empty_place_count(wanted: object, live: object) -> None:
    annotations = {INTENT_ANNOTATION: "x"}
    desired: JSON = {"metadata": {"annotations": annotations}, "spec": {"field": wanted}}
    stored: JSON = {"metadata": {"annotations": annotations}, "spec": {} if live is None else {"field": live}}
    assert not is_in_place(desired, stored)


def list_places(document: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:  # noqa: ANN401 - any JSON
    """List the paths of all leaves that are not empty."""
    if isinstance(document, dict):
        return [place for key, value in document.items() for place in list_places(value, (*path, key))]
    if isinstance(document, list):
        return [place for index, value in enumerate(document) for place in list_places(value, (*path, index))]
    return [path] if document not in ("", None) else []


def parent_of(document: JSON, place: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - any JSON
    part: Any = document
    for step in place[:-1]:
        part = part[step]
    return part


def with_foreign_fields(document: Any) -> Any:  # noqa: ANN401 - any JSON
    """Add a field to every object, and an item to every list of named objects."""
    if isinstance(document, dict):
        return {**{key: with_foreign_fields(value) for key, value in document.items()}, "foreign": {"by": "others"}}
    if isinstance(document, list):
        items = [with_foreign_fields(item) for item in document]
        is_named = items and all(isinstance(item, dict) and "name" in item for item in items)
        return [{"name": "foreign"}, *items] if is_named else items
    return document


@given(deployments())
def test_an_object_that_others_only_add_to_is_in_place(deployment: DeploymentBuilder) -> None:
    for manifest in render_cached(deployment):
        assert is_in_place(manifest, with_foreign_fields(manifest))


@given(deployments(), st.data())
def test_a_wanted_value_that_is_changed_is_noticed(deployment: DeploymentBuilder, data: st.DataObject) -> None:
    manifest = data.draw(st.sampled_from(list(render_cached(deployment))))
    place = data.draw(st.sampled_from(list_places(manifest)))
    live = deepcopy(manifest)
    parent_of(live, place)[place[-1]] = "changed by somebody"
    assert not is_in_place(manifest, live)


@given(deployments(), st.data())
def test_a_wanted_value_that_is_removed_is_noticed(deployment: DeploymentBuilder, data: st.DataObject) -> None:
    manifest = data.draw(st.sampled_from(list(render_cached(deployment))))
    place = data.draw(st.sampled_from(list_places(manifest)))
    live = deepcopy(manifest)
    del parent_of(live, place)[place[-1]]
    assert not is_in_place(manifest, live)


def test_one_volume_that_is_mounted_twice_is_told_apart_by_the_path() -> None:
    mounts = [{"name": "models", "mountPath": "/models"}, {"name": "models", "mountPath": "/compiled", "subPath": "c"}]

    def a_pod(*volume_mounts: JSON) -> JSON:
        return {"metadata": {"annotations": {INTENT_ANNOTATION: "same"}}, "spec": {"volumeMounts": [*volume_mounts]}}

    assert is_in_place(a_pod(*mounts), a_pod(*[{**mount, "recursiveReadOnly": "Disabled"} for mount in mounts]))
    assert not is_in_place(a_pod(*mounts), a_pod(mounts[0]))
