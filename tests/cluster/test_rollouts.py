"""New pods replace old ones: beside them where GPUs are free, in place where none are, and the status says which."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import Namespace, wait_until
from tests.support.gpu_pool import GpuPool
from tests.support.kstatus import Verdict, judge
from tests.support.watching import watched

pytestmark = pytest.mark.usefixtures("operator")

SERVERS = "nemotron.dev/component=server"

WHOLE_NODE = {"tensor": 8}
"""A replica that takes all GPUs of a node."""

SURGE, REPLACE = (1, 0), (0, 1)
"""What the Deployment may do at a time: how many pods more, how many less."""


def _limits(namespace: Namespace) -> tuple[int, int]:
    deployment = namespace.get("deployment", "nemotron")
    assert deployment is not None
    rolling = deployment["spec"]["strategy"]["rollingUpdate"]
    return rolling["maxSurge"], rolling["maxUnavailable"]


def _rollout(namespace: Namespace) -> tuple[str, str]:
    resource = namespace.get("nemo", "nemotron")
    assert resource is not None
    told = resource["status"]["rollout"]
    return told["strategy"], told["message"]


def _node_of(namespace: Namespace) -> str:
    (pod,) = namespace.list_staying_pods(SERVERS)
    name: str = pod["spec"]["nodeName"]
    return name


def _serve(pool: GpuPool, namespace: Namespace, **spec: object) -> str:
    """Serve with one replica that takes a whole node, and return that node once the operator has to look anew."""
    namespace.apply(pool.a_resource(parallelism=WHOLE_NODE, engine={"maxModelLen": 4096}, **spec))
    namespace.wait_until_ready()
    pool.settle()
    return _node_of(namespace)


def _change(pool: GpuPool, namespace: Namespace, **spec: object) -> None:
    namespace.apply(pool.a_resource(parallelism=WHOLE_NODE, engine={"maxModelLen": 8192}, **spec))


def _wait_for_gpus(namespace: Namespace, node: str) -> dict[str, Any]:
    """Wait until the resource says that it waits for eight GPUs where a node has six, and return the conditions."""

    def look() -> dict[str, Any] | None:
        found = [namespace.condition("nemotron", kind) for kind in ("Ready", "Reconciling")]
        told = [each for each in found if each is not None and each["reason"] == "WaitingForGPU"]
        is_told = len(told) == len(found) and all(words in each["message"] for each in told)
        return {each["type"]: each for each in told} if is_told else None

    words = f"needs 8 free H100-80GB on one node; the best node, {node}, has 6"
    return wait_until("it waits for GPUs", look)


def test_where_a_node_has_room_the_new_replica_comes_first(pool: GpuPool, namespace: Namespace, tmp_path: Path) -> None:
    pool.add_node()
    pool.add_node()
    other = pool.other_than(_serve(pool, namespace))

    with watched(namespace, "pod", SERVERS, tmp_path / "pods") as pods:
        _change(pool, namespace)
        namespace.wait_until_ready()

    assert ("Surge", f"Node {other} has 8 H100-80GB free, and one more replica needs 8.") == _rollout(namespace)
    assert (SURGE, other) == (_limits(namespace), _node_of(namespace))
    assert 1 == min(pods.count_ready())


def test_where_no_node_has_room_the_replica_is_replaced_and_others_pods_count(
    pool: GpuPool, namespace: Namespace
) -> None:
    first, second = pool.add_node(), pool.add_node()
    pool.take(second, 2)
    before = _serve(pool, namespace)

    _change(pool, namespace)

    namespace.wait_until_ready()
    why = f"One more replica needs 8 free H100-80GB on one node; the best node, {second}, has 6."
    assert ("Replace", why) == _rollout(namespace)
    assert (REPLACE, first, first) == (_limits(namespace), before, _node_of(namespace))


def test_nodes_that_take_no_pod_do_not_count_as_room(pool: GpuPool, namespace: Namespace) -> None:
    node = pool.add_node()
    pool.add_node(cordoned=True)
    pool.add_node(dead=True)
    pool.add_node(taints=({"key": "dedicated", "value": "training", "effect": "NoSchedule"},))
    _serve(pool, namespace)

    _change(pool, namespace)

    namespace.wait_until_ready()
    why = f"One more replica needs 8 free H100-80GB on one node; the best node, {node}, has 0."
    assert ("Replace", why) == _rollout(namespace)


def test_replicas_tied_to_the_node_of_their_volume_do_not_surge_to_another(pool: GpuPool, namespace: Namespace) -> None:
    pool.add_node()
    pool.add_node()
    one_node = {"accessModes": ["ReadWriteOnce"]}
    node = _serve(pool, namespace, cache=one_node)

    _change(pool, namespace, cache=one_node)

    namespace.wait_until_ready()
    strategy, why = _rollout(namespace)
    assert ("Replace", REPLACE, node) == (strategy, _limits(namespace), _node_of(namespace))
    assert f"the best node, {node}, has 0" in why


def test_replace_is_obeyed_although_a_node_has_room(pool: GpuPool, namespace: Namespace) -> None:
    pool.add_node()
    pool.add_node()
    _serve(pool, namespace)

    _change(pool, namespace, rollout={"strategy": "Replace"})

    namespace.wait_until_ready()
    assert ("Replace", "spec.rollout.strategy says so.") == _rollout(namespace)
    assert REPLACE == _limits(namespace)


def test_surge_is_obeyed_although_it_has_to_wait_for_gpus(pool: GpuPool, namespace: Namespace, tmp_path: Path) -> None:
    _, second = pool.add_node(), pool.add_node()
    taker = pool.take(second, 2)
    _serve(pool, namespace)

    with watched(namespace, "pod", SERVERS, tmp_path / "pods") as pods:
        _change(pool, namespace, rollout={"strategy": "Surge"})
        waiting = _wait_for_gpus(namespace, second)
        pool.free(taker)
        namespace.wait_until_ready()

    assert "1 of the revision before still serves" in waiting["Ready"]["message"]
    assert ("Surge", "spec.rollout.strategy says so.") == _rollout(namespace)
    assert (SURGE, second) == (_limits(namespace), _node_of(namespace))
    assert 1 == min(pods.count_ready())


def test_a_surge_whose_gpus_somebody_else_took_goes_on_in_place(pool: GpuPool, namespace: Namespace) -> None:
    pool.add_node()
    pool.add_node()
    node = _serve(pool, namespace)
    other = pool.other_than(node)

    namespace.plane.stop_component("kube-scheduler")
    try:
        _change(pool, namespace)
        wait_until("it surges", lambda: _rollout(namespace)[0] == "Surge")
        pool.take(other, 2)
    finally:
        namespace.plane.start_component("kube-scheduler")

    namespace.wait_until_ready()
    strategy, why = _rollout(namespace)
    assert ("Replace", REPLACE, node) == (strategy, _limits(namespace), _node_of(namespace))
    assert f"the best node, {other}, has 6" in why


def test_a_first_replica_waits_for_gpus_and_starts_by_itself_once_there_are(
    pool: GpuPool, namespace: Namespace
) -> None:
    node = pool.add_node()
    taker = pool.take(node, 2)
    namespace.apply(pool.a_resource(parallelism=WHOLE_NODE))

    waiting = _wait_for_gpus(namespace, node)
    pool.free(taker)

    assert "True" == waiting["Reconciling"]["status"]
    namespace.wait_until_ready()


@pytest.mark.parametrize("strategy", ["Surge", "Replace"])
def test_kstatus_calls_a_rollout_in_progress_from_its_first_to_its_last_moment(
    strategy: str, pool: GpuPool, namespace: Namespace, tmp_path: Path
) -> None:
    pool.add_node()
    pool.add_node()
    namespace.apply(pool.a_resource(rollout={"strategy": strategy}))
    before = namespace.wait_until_ready()

    with watched(namespace, "nemo", "", tmp_path / "resources") as seen:
        namespace.apply(pool.a_resource(rollout={"strategy": strategy}, engine={"maxModelLen": 8192}))
        after = namespace.wait_until_ready()
        wait_until("the watch has it", lambda: judge(seen.list_objects()[-1]) is Verdict.CURRENT)

    changed = [
        each for each in seen.list_objects() if each["metadata"]["generation"] > before["metadata"]["generation"]
    ]
    ended = [each for each in changed if judge(each) is Verdict.CURRENT]
    assert {Verdict.IN_PROGRESS, Verdict.CURRENT} == {judge(each) for each in changed}
    assert changed[-len(ended) :] == ended
    desired = after["status"]["desiredRevision"]
    assert before["status"]["desiredRevision"] != desired
    assert {desired} == {each["status"]["servingRevision"] for each in ended}
