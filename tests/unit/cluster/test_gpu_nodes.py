"""What is kept of nodes and pods: as much as decides about GPUs, and no more."""

import json
from typing import Any

import pytest

from nemotron_operator.cluster.gpu_nodes import GpuDemand, count_node_gpus, count_requested, trim_node, trim_pod
from nemotron_operator.plan.node_pool import NodeGpus

JSON = dict[str, Any]
GPU = "nvidia.com/gpu"
DEMAND = GpuDemand(GPU, {"gpu": ("h100",)})


def a_container(gpus: int, **fields: str) -> JSON:
    resources = {"limits": {GPU: str(gpus), "memory": "1Gi"}, "requests": {"cpu": "4"}}
    return {"name": "c", "image": "i", "env": [{"name": "A", "value": "x" * 1000}], "resources": resources, **fields}


def a_pod(*containers: JSON, init: tuple[JSON, ...] = (), node: str = "h100-0", **metadata: Any) -> JSON:  # noqa: ANN401 - any field
    spec = {"containers": list(containers), "initContainers": list(init), "nodeName": node, "volumes": [{"name": "v"}]}
    return {
        "metadata": {"name": "p", "namespace": "team", "managedFields": [{}], **metadata},
        "spec": spec,
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }


def a_node() -> JSON:
    return {
        "metadata": {"name": "h100-0", "labels": {"gpu": "h100"}, "managedFields": [{}], "annotations": {"a": "b"}},
        "spec": {"taints": [], "podCIDR": "10.0.0.0/24"},
        "status": {
            "allocatable": {GPU: "8", "cpu": "96", "memory": "1Ti"},
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
            "images": [{"names": ["x" * 100]} for _ in range(50)],
        },
    }


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (a_pod(a_container(2), a_container(1)), 3),
        (a_pod(a_container(2), init=(a_container(4),)), 4),
        (a_pod(a_container(2), init=(a_container(1, restartPolicy="Always"),)), 3),
        (a_pod(a_container(2), init=(a_container(1, restartPolicy="Always"), a_container(4))), 5),
        (a_pod(a_container(2), init=(a_container(4), a_container(1, restartPolicy="Always"))), 4),
        ({"metadata": {}}, 0),
    ],
    ids=["together", "first", "beside", "first beside", "first, then beside", "nothing"],
)
def test_a_pod_requests_what_runs_at_a_time(pod: JSON, expected: int) -> None:
    assert expected == count_requested(pod, GPU)


@pytest.mark.parametrize(
    ("pod", "requested"),
    [
        (a_pod(a_container(2), init=(a_container(1, restartPolicy="Always"),)), 3),
        (a_pod(a_container(2), deletionTimestamp="2026-11-24T08:00:00Z"), 2),
        (a_pod({"name": "c"}, a_container(0)), 0),
    ],
    ids=["with a sidecar", "leaving", "without GPUs"],
)
def test_what_is_kept_counts_as_the_whole_does(pod: JSON, requested: int) -> None:
    trimmed = trim_pod(pod)
    assert [NodeGpus(8, requested, "h100-0")] == count_node_gpus([a_node()], [pod], DEMAND)
    kept = [trimmed] if trimmed is not None else []
    assert [NodeGpus(8, requested, "h100-0")] == count_node_gpus([trim_node(a_node())], kept, DEMAND)


def test_the_pods_of_a_deployment_are_still_told_apart() -> None:
    trimmed = trim_pod(a_pod(a_container(2), labels={"nemotron.dev/deployment": "nemotron", "app": "x"}))
    assert trimmed is not None
    own = frozenset({("team", "nemotron")})
    assert [NodeGpus(8, 0, "h100-0")] == count_node_gpus([a_node()], [trimmed], DEMAND, own)


@pytest.mark.parametrize(
    "pod",
    [
        a_pod({"name": "c", "resources": {"requests": {"cpu": "4"}}}),
        a_pod({"name": "c"}),
        a_pod(a_container(2), node=""),
    ],
    ids=["processors", "nothing", "no node"],
)
def test_a_pod_that_holds_no_device_of_a_node_is_not_kept(pod: JSON) -> None:
    assert trim_pod(pod) is None


def test_little_is_kept_of_much() -> None:
    assert 10 * len(json.dumps(trim_node(a_node()))) < len(json.dumps(a_node()))
    assert 4 * len(json.dumps(trim_pod(a_pod(a_container(2))))) < len(json.dumps(a_pod(a_container(2))))
