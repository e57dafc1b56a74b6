import asyncio

import pytest

from nemotron_operator.cluster.kinds import NODE, POD, STORAGE_CLASS, ApiKind
from nemotron_operator.cluster.platform import (
    GPU_POOL_SECONDS,
    STORAGE_CLASSES_SECONDS,
    VERSION_SECONDS,
    WITHOUT_STORAGE_CLASSES,
    Platform,
    read_place,
    read_storage_class,
)
from nemotron_operator.plan.facts import StorageClassFact
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import a_live_object
from tests.support.fixtures.plans import plan_cached
from tests.support.memory_gateway import MemoryGateway, a_storage_class


class Clock:
    """Monotonic seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def volume_with(*expressions: tuple[str, list[str]]) -> dict[str, object]:
    matches = [{"key": key, "operator": "In", "values": values} for key, values in expressions]
    return {"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": matches}]}}}}


def test_a_class_is_read_with_all_that_decides_about_its_volumes() -> None:
    live = a_storage_class("fast", allowVolumeExpansion=True, volumeBindingMode="WaitForFirstConsumer")
    live["metadata"]["creationTimestamp"] = "2026-11-24T07:00:00Z"
    expected = StorageClassFact("fast", "csi.example.com", is_default=True, created_at="2026-11-24T07:00:00Z",
                                can_grow=True, waits_for_consumer=True)  # fmt: skip
    assert expected == read_storage_class(live)


def test_a_class_that_says_nothing_neither_grows_nor_waits() -> None:
    live = {"metadata": {"name": "plain"}, "provisioner": "x"}
    expected = StorageClassFact("plain", "x", is_default=False, created_at="", can_grow=False, waits_for_consumer=False)
    assert expected == read_storage_class(live)


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (volume_with(("topology.kubernetes.io/zone", ["eu-1a"])), "zone 'eu-1a'"),
        (volume_with(("topology.ebs.csi.aws.com/zone", ["eu-1a"])), "zone 'eu-1a'"),
        (volume_with(("failure-domain.beta.kubernetes.io/zone", ["a", "b"])), "zone 'a' or 'b'"),
        (volume_with(("topology.kubernetes.io/region", ["eu"]), ("topology.gke.io/zone", ["eu-b"])), "zone 'eu-b'"),
        (volume_with(("kubernetes.io/hostname", ["node-7"])), "node 'node-7'"),
        (volume_with(("other", ["x"])), ""),
        ({"spec": {}}, ""),
    ],
)
def test_the_place_of_a_volume_is_told_in_words(volume: dict[str, object], expected: str) -> None:
    assert expected == read_place(volume)


def test_a_list_of_classes_counts_for_some_seconds() -> None:
    gateway, clock = MemoryGateway(), Clock()
    platform = Platform(clock)

    def count_classes() -> int:
        return len(asyncio.run(platform.list_storage_classes(gateway)) or ())

    assert 1 == count_classes()
    gateway.put(STORAGE_CLASS, a_storage_class("second"))
    assert 1 == count_classes()
    clock.seconds += STORAGE_CLASSES_SECONDS
    assert 2 == count_classes()
    assert [("list", "StorageClass")] * 2 == gateway.reads


def test_where_classes_may_not_be_read_nothing_is_known() -> None:
    gateway = MemoryGateway()
    gateway.forbidden.add(STORAGE_CLASS)
    assert asyncio.run(Platform().list_storage_classes(gateway)) is None


@pytest.mark.parametrize(
    ("minor", "expected"), [("37", (1, 37)), ("35+", (1, 35)), ("", None)], ids=["plain", "managed", "none"]
)
def test_a_version_is_read_as_numbers(minor: str, expected: tuple[int, int] | None) -> None:
    gateway = MemoryGateway()
    gateway.version = {"major": "1", "minor": minor}
    assert expected == asyncio.run(Platform().read_version(gateway))


def test_a_version_counts_for_some_minutes() -> None:
    gateway, clock = MemoryGateway(), Clock()
    platform = Platform(clock)
    assert (1, 37) == asyncio.run(platform.read_version(gateway))
    gateway.version["minor"] = "38"
    assert (1, 37) == asyncio.run(platform.read_version(gateway))
    clock.seconds += VERSION_SECONDS
    assert (1, 38) == asyncio.run(platform.read_version(gateway))


def a_gpu_node(name: str, **changes: object) -> dict[str, object]:
    labels = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "zone": "a"}
    status = {"allocatable": {"nvidia.com/gpu": "8"}, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"kind": "Node", "metadata": {"name": name, "namespace": "", "labels": labels}, "status": status, **changes}


def count_free(platform: Platform, gateway: MemoryGateway, deployment: DeploymentBuilder) -> dict[str, int] | None:
    nodes = asyncio.run(platform.list_gpu_nodes(gateway, plan_cached(deployment).pod))
    return None if nodes is None else {node.name: node.free for node in nodes}


def test_the_nodes_that_take_a_replica_are_counted_with_what_is_free() -> None:
    gateway = MemoryGateway()
    gateway.put(NODE, a_gpu_node("h100-0"))
    gateway.put(NODE, a_gpu_node("h100-1", spec={"unschedulable": True}))
    container = {"resources": {"limits": {"nvidia.com/gpu": "2"}}}
    pod = a_live_object("Pod", "p", spec={"nodeName": "h100-0", "containers": [container]})
    gateway.put(POD, pod)
    assert {"h100-0": 6} == count_free(Platform(), gateway, a_deployment())
    tied = a_deployment().having("podTemplate.nodeSelector", {"zone": "b"})
    assert {} == count_free(Platform(), gateway, tied)


def test_a_look_at_all_nodes_counts_for_some_seconds_for_all_that_begin_together() -> None:
    gateway, clock = MemoryGateway(), Clock()
    platform, pod = Platform(clock), plan_cached(a_deployment()).pod

    async def begin_together() -> None:
        await asyncio.gather(*(platform.list_gpu_nodes(gateway, pod) for _ in range(10)))

    asyncio.run(begin_together())
    assert [("list", "Node"), ("list", "Pod")] == gateway.reads
    clock.seconds += GPU_POOL_SECONDS
    asyncio.run(begin_together())
    assert [("list", "Node"), ("list", "Pod")] * 2 == gateway.reads


@pytest.mark.parametrize("kind", [NODE, POD], ids=["nodes", "pods"])
def test_where_nodes_or_pods_may_not_be_listed_nothing_is_known_of_gpus(kind: ApiKind) -> None:
    gateway = MemoryGateway()
    gateway.forbidden.add(kind)
    assert count_free(Platform(), gateway, a_deployment()) is None


async def test_what_cannot_be_known_without_a_permission_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    gateway, platform = MemoryGateway(), Platform(clock=iter(range(0, 1000, 100)).__next__)
    gateway.forbidden.add(STORAGE_CLASS)
    assert [None, None] == [await platform.list_storage_classes(gateway) for _ in range(2)]
    assert [f"{WITHOUT_STORAGE_CLASSES} storageclasses are forbidden."] == caplog.messages
