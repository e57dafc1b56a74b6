"""Which namespaces are read: one that is missing, goes or comes keeps none of the others from being served."""

import logging

import pytest

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import NEMOTRON, POD, SCALED_OBJECT, SERVICE, ApiKind
from nemotron_operator.cluster.relist import Refusal, relist
from nemotron_operator.cluster.served_namespaces import ServedNamespaces
from nemotron_operator.errors import ClusterError
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_live_object, child_labels
from tests.support.memory_gateway import MemoryGateway


class World:
    """Two namespaces, with a resource and its Service in each."""

    def __init__(self, *wanted: str) -> None:
        self.gateway = MemoryGateway()
        self.cache = ObjectCache()
        self.refused: list[Refusal] = []
        self.namespaces = ServedNamespaces(
            self.gateway, self.cache, wanted, lambda: [SCALED_OBJECT], self.refused.append
        )
        for name in ("red", "blue"):
            self.gateway.put(NEMOTRON, a_deployment().named("nemotron", name).body)
            service = a_live_object("Service", "nemotron", namespace=name, labels=child_labels())
            self.gateway.put(SERVICE, service)

    @property
    def scope(self) -> list[str | None]:
        """What is read now."""
        return list(self.namespaces.scope)

    async def relist(self) -> None:
        """List anew as the operator does, and doubt what is refused."""
        listed = await relist(self.gateway, self.cache, self.namespaces.scope)
        for refusal in listed.refusals:
            self.namespaces.doubt(refusal)


async def test_without_names_all_namespaces_are_read_as_one() -> None:
    world = World()
    assert not await world.namespaces.look()
    assert [None] == world.scope


async def test_before_the_first_look_nothing_is_read() -> None:
    world = World("red", "blue", "red")
    assert [] == world.scope
    assert await world.namespaces.look()
    assert ["red", "blue"] == world.scope


async def test_a_namespace_that_is_missing_is_told_once_and_served_when_it_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = World("red", "blue")
    world.gateway.forbidden_namespaces.add("red")
    assert await world.namespaces.look()
    assert not await world.namespaces.look()
    assert ["blue"] == world.scope

    world.gateway.forbidden_namespaces.clear()
    assert await world.namespaces.look()
    assert ["red", "blue"] == world.scope
    missing, found = caplog.messages
    assert missing.startswith("Namespace 'red': It is not served until it is there with the Role of the chart: ")
    assert "Namespace 'red' is served now." == found


async def test_a_namespace_that_comes_is_known_as_a_whole_before_it_is_served() -> None:
    world = World("red")
    world.gateway.put(SCALED_OBJECT, a_live_object("ScaledObject", "nemotron", namespace="red", labels=child_labels()))
    world.gateway.forbidden.add(POD)
    await world.namespaces.look()
    assert ([], 0, 0) == (world.scope, world.cache.count(NEMOTRON), world.cache.count(SERVICE))
    world.gateway.forbidden.clear()
    await world.namespaces.look()
    counts = [world.cache.count(kind) for kind in (NEMOTRON, SERVICE, SCALED_OBJECT)]
    assert (["red"], [1, 1, 1]) == (world.scope, counts)


async def test_a_namespace_that_goes_is_forgotten_at_the_second_refusal_and_the_others_stay() -> None:
    world = World("red", "blue")
    await world.namespaces.look()
    await world.relist()
    world.gateway.forbidden_namespaces.add("red")
    await world.relist()
    assert 2 == world.cache.count(NEMOTRON)
    assert await world.namespaces.look()
    assert [("blue", "nemotron")] == world.cache.list_deployment_keys()
    assert world.cache.list_children(SERVICE, "red", "nemotron") == []
    assert 1 == len(world.cache.list_children(SERVICE, "blue", "nemotron"))

    world.gateway.forbidden_namespaces.clear()
    await world.namespaces.look()
    await world.relist()
    assert 1 == len(world.cache.list_children(SERVICE, "red", "nemotron"))


async def test_a_namespace_that_is_refused_for_a_moment_stays() -> None:
    world = World("red", "blue")
    await world.namespaces.look()
    world.gateway.forbidden_namespaces.add("red")
    await world.relist()
    world.gateway.forbidden_namespaces.clear()
    assert not await world.namespaces.look()
    assert ["red", "blue"] == world.scope


async def test_when_all_are_gone_nothing_is_read_and_never_the_whole_cluster() -> None:
    world = World("red")
    world.gateway.forbidden_namespaces.add("red")
    await world.namespaces.look()
    await world.relist()
    assert ([], 0) == (world.scope, world.cache.count(NEMOTRON))


async def test_a_single_kind_that_is_refused_is_told_once_and_the_namespace_stays_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World("red", "blue")
    await world.namespaces.look()
    world.gateway.forbidden.add(POD)
    await world.relist()
    await world.relist()
    assert not await world.namespaces.look()
    assert ["red", "blue"] == world.scope
    assert [
        "Namespace 'red': What changes there may be missed: pods are forbidden.",
        "Namespace 'blue': What changes there may be missed: pods are forbidden.",
    ] == caplog.messages


@pytest.mark.parametrize("status", [403, 404], ids=["forbidden", "gone"])
async def test_an_optional_kind_that_cannot_be_listed_is_told_of_and_the_namespace_is_served(status: int) -> None:
    world = World("red")
    world.gateway.unlisted[SCALED_OBJECT] = status
    await world.namespaces.look()
    assert ["red"] == world.scope
    assert [(SCALED_OBJECT, "red")] == [(refusal.kind, refusal.namespace) for refusal in world.refused]


@pytest.mark.parametrize(("kind", "status"), [(POD, 404), (SCALED_OBJECT, 500)], ids=["needed", "failing"])
async def test_a_list_that_fails_otherwise_is_a_failure(kind: ApiKind, status: int) -> None:
    world = World("red")
    world.gateway.unlisted[kind] = status
    with pytest.raises(ClusterError):
        await world.namespaces.look()
    assert ([], 0) == (world.scope, world.cache.count(NEMOTRON))


async def test_what_was_found_of_a_namespace_counts_where_the_next_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("red", "blue")
    await world.namespaces.look()
    world.gateway.forbidden_namespaces = {"red", "blue"}
    await world.relist()
    world.gateway.forbidden_namespaces = {"red"}
    try_list = world.gateway.try_list

    async def fail_in_blue(kind: ApiKind, namespace: str | None) -> None:
        if namespace == "blue":
            raise ClusterError("The API server fails.", status_code=500)
        await try_list(kind, namespace)

    monkeypatch.setattr(world.gateway, "try_list", fail_in_blue)
    with pytest.raises(ClusterError):
        await world.namespaces.look()
    assert (["blue"], [("blue", "nemotron")]) == (world.scope, world.cache.list_deployment_keys())

    monkeypatch.undo()
    world.gateway.forbidden_namespaces = {"blue"}
    assert await world.namespaces.look()
    assert ["red"] == world.scope


async def test_a_doubt_that_comes_while_another_is_looked_at_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World("red", "blue")
    await world.namespaces.look()
    world.namespaces.doubt(Refusal(NEMOTRON, "red", ClusterError("forbidden", status_code=403)))
    try_list = world.gateway.try_list

    async def doubt_blue(kind: ApiKind, namespace: str | None) -> None:
        world.namespaces.doubt(Refusal(NEMOTRON, "blue", ClusterError("forbidden", status_code=403)))
        await try_list(kind, namespace)

    monkeypatch.setattr(world.gateway, "try_list", doubt_blue)
    await world.namespaces.look()
    monkeypatch.undo()
    world.gateway.forbidden_namespaces.add("blue")
    assert await world.namespaces.look()
    assert ["red"] == world.scope
