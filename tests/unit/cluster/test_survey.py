"""What is looked for and what is listed rest on each other: one at a time, and no failure of one hides the other."""

import asyncio
from contextlib import suppress

import pytest

from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache
from nemotron_operator.cluster.kinds import NEMOTRON, SCALED_OBJECT, ApiKind
from nemotron_operator.cluster.platform import Platform
from nemotron_operator.cluster.survey import Looked, Survey
from nemotron_operator.errors import ClusterError
from tests.support.discovered_gateway import DiscoveredGateway
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_live_object, child_labels

KEDA = {"keda.sh/v1alpha1": {"scaledobjects"}}


class World:
    """Two namespaces, with a resource and its ScaledObject in each."""

    def __init__(self) -> None:
        self.gateway = DiscoveredGateway(KEDA)
        self.cache = ObjectCache()
        self.platform = Platform(served_kinds=frozenset())
        self.survey = Survey(self.gateway, self.cache, self.platform, ["red", "blue"])
        for name in ("red", "blue"):
            self.gateway.put(NEMOTRON, a_deployment().named("nemotron", name).body)
            self.gateway.put(
                SCALED_OBJECT, a_live_object("ScaledObject", "nemotron", namespace=name, labels=child_labels())
            )

    def served(self) -> tuple[list[str | None], set[ApiKind]]:
        """Tell the namespaces and optional kinds that are served now."""
        return list(self.survey.scope), set(self.platform.served_kinds)


async def test_what_changed_is_told_once() -> None:
    world = World()
    assert [Looked(has_changed=True), Looked(has_changed=False)] == [
        await world.survey.look(),
        await world.survey.look(),
    ]
    assert (["red", "blue"], {SCALED_OBJECT}) == world.served()


async def test_it_is_complete_once_every_namespace_that_is_to_be_served_is_read() -> None:
    world = World()
    world.gateway.forbidden_namespaces.add("blue")
    told = []
    for forbidden in ({"red", "blue"}, {"blue"}, set[str](), {"red"}):
        world.gateway.forbidden_namespaces = forbidden
        await world.survey.relist()  # doubts what is refused
        await world.survey.look()
        told.append(world.survey.is_complete)
    assert [False, False, True, False] == told
    assert Survey(world.gateway, world.cache, world.platform).is_complete


@pytest.mark.parametrize("status", [404, 500])
async def test_a_kind_that_is_gone_keeps_no_namespace_that_comes_from_being_served(status: int) -> None:
    world = World()
    world.gateway.forbidden_namespaces.add("blue")
    await world.survey.look()
    world.gateway.forbidden_namespaces.clear()
    world.gateway.resources, world.gateway.unlisted[SCALED_OBJECT] = {}, status
    for _ in range(3):
        await world.survey.look()
    assert (["red", "blue"], set()) == world.served()
    assert [("red", "nemotron"), ("blue", "nemotron")] == world.cache.list_deployment_keys()


async def test_a_change_is_told_even_where_the_rest_gave_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    async def fail() -> frozenset[str]:
        raise ClusterError("The API server fails.", status_code=500)

    monkeypatch.setattr(world.gateway, "list_group_versions", fail)
    assert Looked(has_changed=True, problems=("The API server fails.",)) == await world.survey.look()
    assert (["red", "blue"], set()) == world.served()


async def test_kueue_that_comes_is_told_as_what_is_refused_for_want_of_it_has_to_look_again() -> None:
    world = World()
    await world.survey.look()
    world.gateway.resources = {**KEDA, "kueue.x-k8s.io/v1beta2": {"localqueues"}}
    assert Looked(has_changed=True) == await world.survey.look()
    assert (["red", "blue"], {SCALED_OBJECT}) == world.served()


async def test_a_kind_that_is_there_and_may_not_be_listed_is_told_as_its_condition_says_more_then() -> None:
    world = World()
    world.gateway.resources = {}
    await world.survey.look()
    world.gateway.resources = KEDA
    world.gateway.forbidden.add(SCALED_OBJECT)
    assert [Looked(has_changed=True), Looked(has_changed=False)] == [
        await world.survey.look(),
        await world.survey.look(),
    ]
    assert (["red", "blue"], set()) == world.served()


async def test_a_cause_is_told_once_where_nothing_answers() -> None:
    world = World()
    world.gateway.unlisted[SCALED_OBJECT] = 500
    await world.survey.look()
    assert Looked(has_changed=False, problems=("scaledobjects cannot be listed.",)) == await world.survey.look()


async def test_a_kind_that_may_not_be_listed_in_a_namespace_that_comes_is_not_used_in_any() -> None:
    world = World()
    world.gateway.forbidden_namespaces.add("blue")
    await world.survey.look()
    world.gateway.forbidden_namespaces.clear()
    world.gateway.forbidden.add(SCALED_OBJECT)
    assert Looked(has_changed=True) == await world.survey.look()
    assert (["red", "blue"], set()) == world.served()
    assert 0 == world.cache.count(SCALED_OBJECT)


async def test_what_a_full_list_is_refused_is_not_used_after_the_next_look() -> None:
    world = World()
    await world.survey.look()
    world.gateway.forbidden.add(SCALED_OBJECT)
    world.gateway.forbidden_namespaces.add("red")
    await world.survey.relist()
    assert (["red", "blue"], {SCALED_OBJECT}) == world.served()
    assert Looked(has_changed=True) == await world.survey.look()
    assert (["blue"], set()) == world.served()


class Gate:
    """Holds the list of the ScaledObjects of one namespace until it is opened."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._list_all = world.gateway.list_all
        self._reached, self._opened = asyncio.Event(), asyncio.Event()
        self.open = self._opened.set
        self.wait_until_reached = self._reached.wait
        monkeypatch.setattr(world.gateway, "list_all", self._list)

    async def _list(
        self, kind: ApiKind, namespace: str | None = None, selector: str = ""
    ) -> tuple[list[KubernetesObject], str]:
        if (kind, namespace) == (SCALED_OBJECT, "blue"):
            self._reached.set()
            await self._opened.wait()
        return await self._list_all(kind, namespace, selector)


async def test_a_full_list_forgets_nothing_of_a_kind_that_is_just_being_found(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    gate = Gate(world, monkeypatch)
    looking = asyncio.create_task(world.survey.look())
    await gate.wait_until_reached()
    listing = asyncio.create_task(world.survey.relist())
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(listing), 0.05)  # it had all the time it needs
    gate.open()
    await looking
    assert ((["red", "blue"], {SCALED_OBJECT}), 2) == (world.served(), world.cache.count(SCALED_OBJECT))
    await listing
    assert 2 == world.cache.count(SCALED_OBJECT)


async def test_a_look_that_is_cancelled_keeps_nobody_from_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    gate = Gate(world, monkeypatch)
    looking = asyncio.create_task(world.survey.look())
    await gate.wait_until_reached()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    await asyncio.wait_for(world.survey.relist(), 10)
    assert 2 == world.cache.count(NEMOTRON)
