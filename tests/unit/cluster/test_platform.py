import asyncio

import pytest

from nemotron_operator.cluster.kinds import STORAGE_CLASS
from nemotron_operator.cluster.platform import (
    STORAGE_CLASSES_SECONDS,
    VERSION_SECONDS,
    Platform,
    read_place,
    read_storage_class,
)
from nemotron_operator.plan.facts import StorageClassFact
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
