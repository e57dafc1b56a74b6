"""Which optional kinds there are: a group alone says nothing, as a project may bring some of its kinds only."""

import pytest

from nemotron_operator.cluster.cache import Key, KubernetesObject, ObjectCache
from nemotron_operator.cluster.discovery import KindDiscovery, find_served_kinds
from nemotron_operator.cluster.kinds import (
    HTTP_ROUTE,
    LEADER_WORKER_SET,
    LOCAL_QUEUE,
    OPTIONAL_KINDS,
    SCALED_OBJECT,
    ApiKind,
)
from nemotron_operator.cluster.platform import Platform
from nemotron_operator.cluster.relist import EVERYWHERE, Refusal, relist
from nemotron_operator.constants import DEPLOYMENT_LABEL, FIELD_MANAGER, MANAGED_BY_LABEL
from nemotron_operator.errors import ClusterError, ClusterUnreachableError
from tests.support.discovered_gateway import DiscoveredGateway
from tests.support.memory_gateway import MemoryGateway

KEDA = {"keda.sh/v1alpha1": {"scaledobjects"}}

GATEWAY = {"gateway.networking.k8s.io/v1": {"httproutes"}}

KUEUE = {"kueue.x-k8s.io/v1beta2": {"localqueues"}}

QUEUE = frozenset({"LocalQueue"})


def a_child() -> KubernetesObject:
    """Make what the operator made for a resource, as far as the cache looks at it."""
    labels = {DEPLOYMENT_LABEL: "nemotron", MANAGED_BY_LABEL: FIELD_MANAGER}
    return {"metadata": {"name": "nemotron", "namespace": "team", "labels": labels}}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"apps/v1": {"deployments"}}, set()),
        ({"keda.sh/v1alpha1": {"scaledobjects", "scaledjobs"}}, {SCALED_OBJECT}),
        ({"gateway.networking.k8s.io/v1": {"gateways"}}, set()),
        ({"gateway.networking.k8s.io/v1beta1": {"httproutes"}}, set()),
        ({kind.api_version: {kind.plural} for kind in OPTIONAL_KINDS}, set(OPTIONAL_KINDS)),
        ({"kueue.x-k8s.io/v1beta1": {"localqueues"}}, {LOCAL_QUEUE}),
        ({"kueue.x-k8s.io/v1beta1": {"cohorts"}, "kueue.x-k8s.io/v1": {"localqueues"}}, {LOCAL_QUEUE}),
        ({"kueue.x-k8s.io/v1beta2": {"cohorts"}, "visibility.kueue.x-k8s.io/v1beta2": {"localqueues"}}, set()),
    ],
)
async def test_a_kind_is_served_in_its_own_version_or_not_at_all_and_kueues_in_any(
    resources: dict[str, set[str]], expected: set[ApiKind]
) -> None:
    assert expected == await find_served_kinds(DiscoveredGateway(resources))


async def test_a_kind_counts_as_there_once_its_objects_are_listed() -> None:
    gateway, cache, platform = DiscoveredGateway({}), ObjectCache(), Platform(served_kinds=frozenset())
    discovery = KindDiscovery(gateway, cache, platform)
    assert not await discovery.look()
    gateway.put(SCALED_OBJECT, a_child())
    gateway.resources = KEDA
    assert await discovery.look()
    assert frozenset({SCALED_OBJECT}) == platform.served_kinds
    assert cache.get(SCALED_OBJECT, "team", "nemotron") is not None


async def test_a_kind_is_gone_when_two_looks_miss_it_and_comes_back_as_it_was() -> None:
    gateway, cache, platform = DiscoveredGateway(KEDA), ObjectCache(), Platform(served_kinds=frozenset())
    discovery = KindDiscovery(gateway, cache, platform)
    gateway.put(SCALED_OBJECT, a_child())
    assert await discovery.look()
    gateway.resources = {}
    assert not await discovery.look()
    assert frozenset({SCALED_OBJECT}) == platform.served_kinds
    gateway.resources = KEDA
    assert not await discovery.look()
    gateway.resources = {}
    assert not await discovery.look()
    assert await discovery.look()
    assert (frozenset(), None) == (platform.served_kinds, cache.get(SCALED_OBJECT, "team", "nemotron"))
    gateway.resources = KEDA
    assert await discovery.look()
    assert cache.get(SCALED_OBJECT, "team", "nemotron") is not None


async def test_a_queue_is_known_of_without_being_read_or_watched() -> None:
    gateway, platform = DiscoveredGateway(KUEUE), Platform(served_kinds=frozenset())
    discovery = KindDiscovery(gateway, ObjectCache(), platform)
    gateway.forbidden.add(LOCAL_QUEUE)
    assert QUEUE == platform.list_missing(QUEUE)
    assert await discovery.look()
    assert (frozenset(), frozenset()) == (platform.list_missing(QUEUE), platform.served_kinds)
    assert "LocalQueue" not in {kind for _, kind in gateway.reads}


async def test_a_queue_is_gone_when_two_looks_miss_it() -> None:
    gateway, platform = DiscoveredGateway(KUEUE), Platform(served_kinds=frozenset())
    discovery = KindDiscovery(gateway, ObjectCache(), platform)
    await discovery.look()
    gateway.resources = {}
    assert not await discovery.look()
    assert frozenset() == platform.list_missing(QUEUE)
    assert await discovery.look()
    assert QUEUE == platform.list_missing(QUEUE)


async def test_a_kind_that_may_not_be_listed_counts_as_not_there(caplog: pytest.LogCaptureFixture) -> None:
    gateway, platform = DiscoveredGateway(KEDA), Platform(served_kinds=frozenset())
    discovery = KindDiscovery(gateway, ObjectCache(), platform)
    gateway.forbidden.add(SCALED_OBJECT)
    assert not await discovery.look()
    assert not await discovery.look()
    assert (frozenset(), 1) == (platform.served_kinds, len(caplog.records))
    assert {"ScaledObject": "scaledobjects are forbidden."} == platform.list_forbidden(frozenset({"ScaledObject"}))
    assert {} == platform.list_forbidden(frozenset({"HTTPRoute"}))
    gateway.forbidden.clear()
    assert await discovery.look()
    assert {} == platform.list_forbidden(frozenset({"ScaledObject"}))


async def test_a_kind_that_is_gone_while_it_is_listed_is_not_told_as_forbidden() -> None:
    gateway, platform = DiscoveredGateway(KEDA), Platform(served_kinds=frozenset())
    gateway.unlisted[SCALED_OBJECT] = 404
    await KindDiscovery(gateway, ObjectCache(), platform).look()
    assert (frozenset(), {}) == (platform.served_kinds, platform.list_forbidden(frozenset({"ScaledObject"})))


async def test_a_kind_whose_permission_is_taken_away_is_dropped_at_the_second_refusal_and_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway, cache, platform = DiscoveredGateway(KEDA), ObjectCache(), Platform(served_kinds=frozenset())
    discovery = KindDiscovery(gateway, cache, platform)
    gateway.put(SCALED_OBJECT, a_child())
    assert await discovery.look()

    gateway.forbidden.add(SCALED_OBJECT)
    await relist_and_doubt(gateway, cache, platform, discovery)
    assert (frozenset({SCALED_OBJECT}), 1) == (platform.served_kinds, cache.count(SCALED_OBJECT))
    assert await discovery.look()
    assert (frozenset(), 0) == (platform.served_kinds, cache.count(SCALED_OBJECT))
    assert not await discovery.look()
    assert ["ScaledObject cannot be used any more: scaledobjects are forbidden."] == caplog.messages
    assert {"ScaledObject": "scaledobjects are forbidden."} == platform.list_forbidden(frozenset({"ScaledObject"}))

    gateway.forbidden.clear()
    assert await discovery.look()
    assert cache.get(SCALED_OBJECT, "team", "nemotron") is not None


async def test_a_kind_that_is_refused_for_a_moment_stays(caplog: pytest.LogCaptureFixture) -> None:
    gateway, cache, platform = DiscoveredGateway(KEDA), ObjectCache(), Platform(served_kinds=frozenset())
    discovery = KindDiscovery(gateway, cache, platform)
    await discovery.look()
    gateway.forbidden.add(SCALED_OBJECT)
    await relist_and_doubt(gateway, cache, platform, discovery)
    gateway.forbidden.clear()
    assert not await discovery.look()
    assert (frozenset({SCALED_OBJECT}), []) == (platform.served_kinds, caplog.messages)


async def test_a_doubt_that_comes_while_another_is_looked_at_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, platform = DiscoveredGateway(KEDA | GATEWAY), Platform(served_kinds=frozenset())
    discovery = KindDiscovery(gateway, ObjectCache(), platform)
    await discovery.look()
    refused = {kind: Refusal(kind, None, ClusterError("forbidden", status_code=403)) for kind in platform.served_kinds}
    discovery.doubt(refused[SCALED_OBJECT])
    try_list = gateway.try_list

    async def doubt_the_other(kind: ApiKind, namespace: str | None) -> None:
        discovery.doubt(refused[HTTP_ROUTE])
        await try_list(kind, namespace)

    monkeypatch.setattr(gateway, "try_list", doubt_the_other)
    await discovery.look()
    monkeypatch.undo()
    gateway.forbidden.add(HTTP_ROUTE)
    assert await discovery.look()
    assert frozenset({SCALED_OBJECT}) == platform.served_kinds


async def relist_and_doubt(
    gateway: MemoryGateway, cache: ObjectCache, platform: Platform, discovery: KindDiscovery
) -> None:
    listed = await relist(gateway, cache, EVERYWHERE, platform.served_kinds)
    for refusal in listed.refusals:
        discovery.doubt(refusal)


async def test_an_api_server_that_does_not_answer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, platform = DiscoveredGateway(KEDA), Platform(served_kinds=frozenset())
    discovery = KindDiscovery(gateway, ObjectCache(), platform)
    await discovery.look()

    async def fail() -> frozenset[str]:
        raise ClusterUnreachableError("No API server answers.")

    monkeypatch.setattr(gateway, "list_group_versions", fail)
    with pytest.raises(ClusterUnreachableError):
        await discovery.look()
    assert frozenset({SCALED_OBJECT}) == platform.served_kinds


async def relist_affected(gateway: MemoryGateway, cache: ObjectCache, served_kinds: tuple[ApiKind, ...]) -> set[Key]:
    return (await relist(gateway, cache, EVERYWHERE, served_kinds)).affected


async def test_objects_of_a_kind_that_vanished_are_forgotten_and_their_resources_look_again() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    gateway.put(HTTP_ROUTE, a_child())
    assert {("team", "nemotron")} == (
        await relist(gateway, cache, EVERYWHERE, (HTTP_ROUTE, LEADER_WORKER_SET))
    ).affected
    assert cache.get(HTTP_ROUTE, "team", "nemotron") is not None
    assert {("team", "nemotron")} == await relist_affected(gateway, cache, (LEADER_WORKER_SET,))
    assert cache.get(HTTP_ROUTE, "team", "nemotron") is None
    assert {("team", "nemotron")} == await relist_affected(gateway, cache, (HTTP_ROUTE,))
    assert cache.get(HTTP_ROUTE, "team", "nemotron") is not None
