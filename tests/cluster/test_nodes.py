"""Replicas over several nodes: groups of pods that the real controller of LeaderWorkerSets makes and makes anew."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control_plane import ControlPlane
from lab.leader_worker_sets import start_leader_worker_sets, stop_leader_worker_sets
from lab.optional_apis import remove_apis
from tests.support.certificates import found_authority
from tests.support.cluster import BF16, Body, Namespace, RunningOperator, wait_until, wait_until_alone
from tests.support.gpu_pool import GpuPool
from tests.support.watching import watched

pytestmark = pytest.mark.usefixtures("operator")

TWO_NODES = {"tensor": 8, "pipeline": 2}
"""A replica that takes all GPUs of two nodes."""

ONE_NODE = {"tensor": 8}

LEADERS, WORKERS = "nemotron.dev/component=server", "nemotron.dev/component=worker"

REST_SECONDS = 2
"""How long nothing may be written once a resource was looked at again."""

KIND = "leaderworkersets.leaderworkerset.x-k8s.io"


@pytest.fixture(scope="module")
def groups(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The API of groups, with its controller and its webhooks."""
    certificates = found_authority().sign("localhost", addresses=["127.0.0.1"])
    component = start_leader_worker_sets(plane, certificates.write(tmp_path_factory.mktemp("lws")))
    yield
    stop_leader_worker_sets(plane, component)
    remove_apis(plane, ["lws"])


def _nodes_of(namespace: Namespace) -> dict[str, str]:
    """Tell on which node each pod of the groups is."""
    pods = [*namespace.list("pod", LEADERS), *namespace.list("pod", WORKERS)]
    return {pod["metadata"]["name"]: pod["spec"].get("nodeName", "") for pod in pods}


def _wait_for_nodes(namespace: Namespace, pods: int) -> dict[str, str]:
    """Wait until there are so many pods, each on a node: a simulated leader serves without its workers."""

    def look() -> dict[str, str] | None:
        nodes = _nodes_of(namespace)
        return nodes if len(nodes) == pods and all(nodes.values()) else None

    return wait_until(f"{pods} pods are on nodes", look)


def _a_group(pool: GpuPool, parallelism: Body = TWO_NODES, **spec: object) -> Body:
    return pool.a_resource(parallelism=parallelism, engine={"maxModelLen": 4096}, **spec)


def test_without_the_api_nothing_starts_and_with_it_the_base_model_serves_from_two_nodes(
    plane: ControlPlane, pool: GpuPool, namespace: Namespace, request: pytest.FixtureRequest
) -> None:
    remove_apis(plane, ["lws"])
    pool.add_node()
    pool.add_node()
    body = _a_group(pool)
    body["spec"]["model"]["name"] = BF16
    namespace.apply(body)
    refused = namespace.wait_for_reason("nemotron", "Planned", "ApiNotInstalled", seconds=90)
    assert "a replica over 2 nodes needs LeaderWorkerSet, which this cluster does not have" in refused["message"]
    assert [] == namespace.list("pod", LEADERS)

    request.getfixturevalue("groups")
    resource = namespace.wait_until_ready(seconds=120)

    plan = resource["status"]["plan"]
    assert (16, 16, 2) == (plan["gpus"], plan["gpusPerReplica"], plan["nodesPerReplica"])
    assert (1, 1) == (resource["status"]["replicas"], resource["status"]["readyReplicas"])
    nodes = _wait_for_nodes(namespace, 2)
    assert {"nemotron-nodes-0", "nemotron-nodes-0-1"} == set(nodes)
    assert 2 == len(set(nodes.values()))
    assert namespace.get("deployment", "nemotron") is None
    (worker,) = namespace.list("pod", WORKERS)
    engine = worker["spec"]["containers"][0]
    told = {variable["name"]: variable.get("value") for variable in engine["env"]}
    assert ("1", "nemotron-nodes-0.nemotron-nodes." + namespace.name) == (
        told["LWS_WORKER_INDEX"],
        told["LWS_LEADER_ADDRESS"],
    )
    assert {"--nnodes=2", "--node-rank=$(LWS_WORKER_INDEX)", "--headless"} <= set(engine["args"])

    namespace.patch("nemo", "nemotron", {"spec": {"suspend": True}})
    namespace.wait_for_reason("nemotron", "Ready", "Suspended")
    wait_until("all GPUs are free", lambda: not _nodes_of(namespace))

    namespace.kubectl("delete", "nemo", "nemotron", "--wait=false")
    kinds = f"{KIND},statefulset,service,pod,controllerrevision,poddisruptionbudget"

    def is_empty() -> bool:
        left = namespace.kubectl("get", kinds, "-o", "name")
        return left.strip() == ""

    wait_until("nothing is left", is_empty)


@pytest.mark.usefixtures("groups")
def test_a_worker_that_ends_takes_its_whole_group_along_and_the_status_says_why(
    pool: GpuPool, namespace: Namespace, tmp_path: Path
) -> None:
    pool.add_node()
    pool.add_node()
    namespace.apply(_a_group(pool))
    namespace.wait_until_ready(seconds=60)
    _wait_for_nodes(namespace, 2)
    before = {pod["metadata"]["uid"] for kind in (LEADERS, WORKERS) for pod in namespace.list("pod", kind)}

    with watched(namespace, "nemo", "", tmp_path / "told") as told:
        marks = ["lab.nemotron.dev/outcome=crash-loop", "lab.nemotron.dev/message=it stopped in the middle"]
        namespace.kubectl("annotate", "pod", "nemotron-nodes-0-1", *marks)

        def is_anew() -> bool:
            pods = [pod for kind in (LEADERS, WORKERS) for pod in namespace.list("pod", kind)]
            return len(pods) == 2 and not before & {pod["metadata"]["uid"] for pod in pods}

        def list_said() -> list[str]:
            return [
                condition["message"]
                for resource in told.list_objects()
                for condition in resource.get("status", {}).get("conditions", [])
                if condition["type"] == "Ready" and condition["reason"] == "GroupRestarting"
            ]

        wait_until("the group is made anew", is_anew)
        wait_until("it is told", list_said)  # the status of before still says that all is well
        namespace.wait_until_ready()

    said = list_said()
    assert any("Pod nemotron-nodes-0-1 on node" in message and "in the middle" in message for message in said), said


@pytest.mark.usefixtures("groups")
def test_in_place_one_of_two_groups_goes_on_serving_and_then_nothing_is_written(
    pool: GpuPool, namespace: Namespace, operator: RunningOperator, tmp_path: Path
) -> None:
    for _ in range(4):
        pool.add_node()
    namespace.apply(_a_group(pool, replicas=2))
    resource = namespace.wait_until_ready(seconds=60)
    before = resource["status"]["desiredRevision"]
    _wait_for_nodes(namespace, 4)  # else the operator would see room for one more group
    pool.settle()

    with watched(namespace, "pod", LEADERS, tmp_path / "pods") as pods:
        changed = _a_group(pool, replicas=2)
        changed["spec"]["engine"]["maxModelLen"] = 8192
        namespace.apply(changed)
        resource = namespace.wait_until_ready(seconds=90)

    assert before != resource["status"]["servingRevision"]
    rollout = resource["status"]["rollout"]
    assert "Replace" == rollout["strategy"]
    assert "One more replica needs 2 nodes with 8 free H100-80GB each" in rollout["message"]
    assert 1 == min(pods.count_ready())
    assert 4 == len(set(_wait_for_nodes(namespace, 4).values()))

    wait_until_alone(namespace)
    writes = operator.count_writes()
    namespace.kubectl("annotate", "nemo", "nemotron", "example.com/look=again")
    time.sleep(REST_SECONDS)
    assert writes == operator.count_writes()


@pytest.mark.usefixtures("groups")
def test_where_two_nodes_have_room_the_new_group_comes_first_and_one_that_fails_is_taken_back(
    pool: GpuPool, namespace: Namespace, tmp_path: Path
) -> None:
    for _ in range(4):
        pool.add_node()
    namespace.apply(_a_group(pool))
    first = namespace.wait_until_ready(seconds=60)["status"]["desiredRevision"]
    pool.settle()

    with watched(namespace, "pod", LEADERS, tmp_path / "pods") as pods:
        changed = _a_group(pool)
        changed["spec"]["engine"]["maxModelLen"] = 8192
        namespace.apply(changed)
        second = namespace.wait_until_ready(seconds=90)["status"]

    assert "Surge" == second["rollout"]["strategy"]
    assert 1 <= min(pods.count_ready())
    assert first != second["servingRevision"]

    broken = _a_group(pool, rollout={"strategy": "Replace"})
    broken["spec"]["podTemplate"]["annotations"]["lab.nemotron.dev/outcome"] = "crash-loop"
    namespace.apply(broken)

    def is_back() -> bool:
        ready = namespace.condition("nemotron", "Ready")
        return bool(ready and "the revision before it is back: 1 of 1 pods serve" in ready["message"])

    wait_until("the failed revision is taken back", is_back, seconds=90)
    (leader,) = namespace.list_staying_pods(LEADERS)
    assert second["servingRevision"] == leader["metadata"]["labels"]["nemotron.dev/revision"]


@pytest.mark.usefixtures("groups")
def test_a_replica_moves_from_one_node_to_two_and_back(pool: GpuPool, namespace: Namespace) -> None:
    pool.add_node()
    last = pool.add_node()
    taker = pool.take(last, 4)
    namespace.apply(_a_group(pool, ONE_NODE))
    namespace.wait_until_ready()

    namespace.apply(_a_group(pool))
    waiting = namespace.wait_for_reason("nemotron", "Ready", "WaitingForGPU", seconds=60)
    assert "needs 2 nodes with 8 free H100-80GB each" in waiting["message"]
    pool.free(taker)
    namespace.wait_until_ready(seconds=60)
    assert 2 == len(set(_wait_for_nodes(namespace, 2).values()))
    assert namespace.get("deployment", "nemotron") is None

    namespace.apply(_a_group(pool, ONE_NODE))
    namespace.wait_until_ready(seconds=60)
    assert namespace.get(KIND, "nemotron-nodes") is None
    (name,) = _wait_for_nodes(namespace, 1)
    assert not name.startswith("nemotron-nodes")
