"""Which optional kinds there are: a group alone says nothing, as a project may bring some of its kinds only."""

import pytest
from typing_extensions import override

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.discovery import find_served_kinds
from nemotron_operator.cluster.kinds import HTTP_ROUTE, LEADER_WORKER_SET, OPTIONAL_KINDS, SCALED_OBJECT, ApiKind
from nemotron_operator.cluster.relist import relist
from nemotron_operator.constants import DEPLOYMENT_LABEL, FIELD_MANAGER, MANAGED_BY_LABEL
from tests.support.memory_gateway import MemoryGateway


class Discovered(MemoryGateway):
    """An API server that knows some groups, and some plurals of each."""

    def __init__(self, resources: dict[str, set[str]]) -> None:
        super().__init__()
        self.resources = resources

    @override
    async def list_group_versions(self) -> frozenset[str]:
        return frozenset(self.resources)

    @override
    async def list_resources(self, kind: ApiKind) -> frozenset[str]:
        return frozenset(self.resources[kind.api_version])


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"apps/v1": {"deployments"}}, set()),
        ({"keda.sh/v1alpha1": {"scaledobjects", "scaledjobs"}}, {SCALED_OBJECT}),
        ({"gateway.networking.k8s.io/v1": {"gateways"}}, set()),
        ({"gateway.networking.k8s.io/v1beta1": {"httproutes"}}, set()),
        ({kind.api_version: {kind.plural} for kind in OPTIONAL_KINDS}, set(OPTIONAL_KINDS)),
    ],
)
async def test_a_kind_is_served_in_its_own_version_or_not_at_all(
    resources: dict[str, set[str]], expected: set[ApiKind]
) -> None:
    assert expected == await find_served_kinds(Discovered(resources))


async def test_objects_of_a_kind_that_vanished_are_forgotten_and_their_resources_look_again() -> None:
    gateway, cache = MemoryGateway(), ObjectCache()
    labels = {DEPLOYMENT_LABEL: "nemotron", MANAGED_BY_LABEL: FIELD_MANAGER}
    gateway.put(HTTP_ROUTE, {"metadata": {"name": "nemotron", "namespace": "team", "labels": labels}})
    assert {("team", "nemotron")} == await relist(gateway, cache, (), (HTTP_ROUTE, LEADER_WORKER_SET))
    assert cache.get(HTTP_ROUTE, "team", "nemotron") is not None
    assert {("team", "nemotron")} == await relist(gateway, cache, (), (LEADER_WORKER_SET,))
    assert cache.get(HTTP_ROUTE, "team", "nemotron") is None
