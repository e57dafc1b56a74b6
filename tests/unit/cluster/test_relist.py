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
    SERVICE,
    ApiKind,
)
from nemotron_operator.cluster.relist import affected_keys, relist
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_live_claim, a_live_object, child_labels
from tests.support.memory_gateway import MemoryGateway


def test_a_list_fills_the_cache_with_what_is_ours() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    gateway.put(NEMOTRON, a_deployment().body)
    gateway.put(POD, a_live_object("Pod", "ours", labels=child_labels()))
    gateway.put(POD, a_live_object("Pod", "foreign"))
    assert {("team", "nemotron")} == asyncio.run(relist(gateway, cache))
    assert (1, 1) == (cache.count(NEMOTRON), cache.count(POD))


def test_a_second_list_of_the_same_is_no_news() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    gateway.put(NEMOTRON, a_deployment().body)
    asyncio.run(relist(gateway, cache))
    assert set() == asyncio.run(relist(gateway, cache))


def test_what_vanished_unseen_concerns_its_resource() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    gateway.put(SERVICE, a_live_object("Service", "nemotron", labels=child_labels()))
    asyncio.run(relist(gateway, cache))
    gateway.take(SERVICE, "team", "nemotron")
    assert {("team", "nemotron")} == asyncio.run(relist(gateway, cache))
    assert 0 == cache.count(SERVICE)


def test_only_the_given_namespaces_are_listed() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    for namespace in ("team", "other", "third"):
        gateway.put(NEMOTRON, a_deployment().named("a", namespace).body)
    assert {("team", "a"), ("other", "a")} == asyncio.run(relist(gateway, cache, ["team", "other"]))


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
