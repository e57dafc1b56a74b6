import asyncio

import pytest

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import (
    CHILD_KINDS,
    CLAIM,
    CONTROLLER_REVISION,
    KINDS_BY_NAME,
    NEMOTRON,
    OPTIONAL_KINDS,
    POD,
    SCALED_OBJECT,
    SERVICE,
    ApiKind,
)
from nemotron_operator.cluster.relist import EVERYWHERE, affected_keys, relist
from nemotron_operator.errors import ClusterError
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_live_claim, a_live_object, child_labels
from tests.support.memory_gateway import MemoryGateway


def test_a_list_fills_the_cache_with_what_is_ours() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    gateway.put(NEMOTRON, a_deployment().body)
    gateway.put(POD, a_live_object("Pod", "ours", labels=child_labels()))
    gateway.put(POD, a_live_object("Pod", "foreign"))
    assert {("team", "nemotron")} == asyncio.run(relist(gateway, cache)).affected
    assert (1, 1) == (cache.count(NEMOTRON), cache.count(POD))


def test_a_second_list_of_the_same_is_no_news() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    gateway.put(NEMOTRON, a_deployment().body)
    asyncio.run(relist(gateway, cache))
    assert set() == asyncio.run(relist(gateway, cache)).affected


def test_what_vanished_unseen_concerns_its_resource() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    gateway.put(SERVICE, a_live_object("Service", "nemotron", labels=child_labels()))
    asyncio.run(relist(gateway, cache))
    gateway.take(SERVICE, "team", "nemotron")
    assert {("team", "nemotron")} == asyncio.run(relist(gateway, cache)).affected
    assert 0 == cache.count(SERVICE)


def test_only_the_given_namespaces_are_listed() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    for namespace in ("team", "other", "third"):
        gateway.put(NEMOTRON, a_deployment().named("a", namespace).body)
    assert {("team", "a"), ("other", "a")} == asyncio.run(relist(gateway, cache, ["team", "other"])).affected


def test_a_namespace_that_is_refused_keeps_no_other_from_being_listed() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    gateway.put(NEMOTRON, a_deployment().named("a", "team").body)
    gateway.forbidden_namespaces.add("gone")
    listed = asyncio.run(relist(gateway, cache, ["gone", "team"], [SCALED_OBJECT]))
    refused = [(refusal.kind, refusal.namespace) for refusal in listed.refusals]
    assert ({("team", "a")}, [(NEMOTRON, "gone")]) == (listed.affected, refused)


def test_an_optional_kind_that_is_refused_stays_as_it_was_known_and_the_rest_is_listed() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    scaler = a_live_object("ScaledObject", "nemotron", labels=child_labels())
    gateway.put(SCALED_OBJECT, scaler)
    asyncio.run(relist(gateway, cache, EVERYWHERE, [SCALED_OBJECT]))
    gateway.forbidden.add(SCALED_OBJECT)
    gateway.put(SERVICE, a_live_object("Service", "nemotron", labels=child_labels()))
    listed = asyncio.run(relist(gateway, cache, EVERYWHERE, [SCALED_OBJECT]))
    assert [SCALED_OBJECT] == [refusal.kind for refusal in listed.refusals]
    assert (1, 1) == (cache.count(SCALED_OBJECT), cache.count(SERVICE))


def test_an_optional_kind_that_is_gone_keeps_nothing_else_from_being_listed() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    gateway.put(SERVICE, a_live_object("Service", "nemotron", labels=child_labels()))
    gateway.unlisted[SCALED_OBJECT] = 404
    listed = asyncio.run(relist(gateway, cache, EVERYWHERE, [SCALED_OBJECT]))
    assert ([SCALED_OBJECT], 1) == ([refusal.kind for refusal in listed.refusals], cache.count(SERVICE))


@pytest.mark.parametrize(("kind", "status"), [(POD, 404), (SCALED_OBJECT, 500)], ids=["needed", "failing"])
def test_a_list_that_fails_otherwise_is_a_failure(kind: ApiKind, status: int) -> None:
    gateway = MemoryGateway()
    gateway.unlisted[kind] = status
    with pytest.raises(ClusterError, match=f"{kind.plural} cannot be listed"):
        asyncio.run(relist(gateway, ObjectCache(), ["team"], [SCALED_OBJECT]))


def test_what_every_resource_needs_must_be_listed_where_all_namespaces_are_one() -> None:
    gateway = MemoryGateway()
    gateway.forbidden.add(POD)
    with pytest.raises(ClusterError, match="pods are forbidden"):
        asyncio.run(relist(gateway, ObjectCache()))


def test_a_shared_volume_concerns_whoever_names_it_or_does_not_tell_yet() -> None:
    cache, claim = ObjectCache(), a_live_claim()
    names = {"cache": {"claimName": claim["metadata"]["name"]}}
    other = {"observedGeneration": 1, "cache": {"claimName": "other"}}
    for name, namespace, status in (
        ("names-it", "team", names),
        ("is-new", "team", {}),
        ("turns-to-it", "team", {**other, "observedGeneration": 0}),
        ("names-another", "team", other),
        ("lives-elsewhere", "other", names),
    ):
        body = a_live_object("NemotronDeployment", name, namespace=namespace, status=status)
        body["metadata"]["generation"] = 1
        cache.upsert(NEMOTRON, body)
    assert {("team", "names-it"), ("team", "is-new"), ("team", "turns-to-it")} == affected_keys(CLAIM, claim, cache)


def test_a_child_without_our_label_concerns_nobody() -> None:
    assert set() == affected_keys(POD, a_live_object("Pod", "a"), ObjectCache())


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (NEMOTRON, "/apis/nemotron.dev/v1alpha1/namespaces/team/nemotrondeployments/a/status"),
        (POD, "/api/v1/namespaces/team/pods/a/status"),
    ],
)
def test_a_path_has_group_namespace_name_and_subresource(kind: ApiKind, path: str) -> None:
    assert path == kind.path("team", "a", "status")


def test_a_path_without_a_namespace_means_all() -> None:
    assert "/api/v1/pods" == POD.path(None)
    assert "/apis/nemotron.dev/v1alpha1/nemotrondeployments" == NEMOTRON.path(None)


def test_every_kind_is_known_by_its_name() -> None:
    assert {kind.name: kind for kind in (NEMOTRON, *CHILD_KINDS, *OPTIONAL_KINDS, CONTROLLER_REVISION)} == KINDS_BY_NAME
