"""Whether a node pool holds what is planned: supposed empty nodes, and those of a cluster."""

from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.cluster.gpu_nodes import GpuDemand, count_node_gpus
from nemotron_operator.cluster.kinds import NODE, POD
from nemotron_operator.config import load_config
from nemotron_operator.plan.node_pool import NodeGpus
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.unit.cli.api_server import ApiServer
from tests.unit.cli.command import Answer, nemoctl, read_words, write_yaml

H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
PROFILE = load_config().accelerators["H100-80GB"]
DEMAND = GpuDemand(PROFILE.resource_name, PROFILE.node_labels, PROFILE.tolerations)


def a_node(name: str, gpus: int = 8, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of a node
    return {
        "metadata": {"name": name, "labels": changes.get("labels", H100)},
        "spec": changes.get("spec", {}),
        "status": {
            "allocatable": {"nvidia.com/gpu": str(gpus), "cpu": "96"},
            "conditions": [{"type": "Ready", "status": changes.get("ready", "True")}],
        },
    }


def a_pod(node: str | None, gpus: int, phase: str = "Running", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    metadata = {"namespace": "team", "name": "pod", "labels": changes.get("labels", {})}
    container = {"name": "a", "resources": changes.get("resources", {"limits": {"nvidia.com/gpu": str(gpus)}})}
    spec = {"containers": [container], "initContainers": changes.get("init", [])}
    return {"metadata": metadata, "spec": {**spec, **({"nodeName": node} if node else {})}, "status": {"phase": phase}}


def hold(api: ApiServer, nodes: list[dict[str, Any]], pods: list[dict[str, Any]]) -> None:
    for kind, items in ((NODE, nodes), (POD, pods)):
        api.answers[kind.path(None)] = (200, {"metadata": {"resourceVersion": "1"}, "items": items})


def replicas(count: int, tensor: int, name: str = "nemotron") -> DeploymentBuilder:
    wanted = a_deployment().named(name).with_tensor(tensor).with_replicas(count)
    return wanted.having("cache.accessModes", ["ReadWriteMany"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nemo.yaml"


def ask_cluster(file: Path, kubeconfig: Path, *arguments: str) -> Answer:
    return nemoctl("plan", file, "--cluster", "--kubeconfig", kubeconfig, *arguments)


def read_pool(answer: Answer) -> dict[str, Any]:
    assert "" == answer.err
    pool: dict[str, Any] = answer.document["nodes"]["pool"]
    return pool


def test_empty_nodes_that_hold_all_are_good(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, replicas(3, 4).body), "--nodes", "2", "-o", "json")
    expected = {
        "source": "empty nodes",
        "nodes": 2,
        "freeGpus": 16,
        "largestFreeGpus": 8,
        "replicas": 3,
        "replicasWhenEmpty": 3,
        "holdsAll": True,
        "missing": None,
    }
    assert (0, expected) == (answer.code, read_pool(answer))


def test_empty_nodes_that_do_not_hold_all_end_badly_and_say_what_is_missing(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, replicas(3, 4).body), "--nodes", "1", "-o", "json")
    pool = read_pool(answer)
    assert (1, True, 2, False) == (answer.code, answer.document["fits"], pool["replicas"], pool["holdsAll"])
    expected = "needs 4 free H100-80GB on one node; the best node has 0 beside the 2 that found a node"
    assert expected == pool["missing"]
    assert f"2 replicas of 3 find a node among 1 empty node; {expected}" in read_words(
        nemoctl("plan", file, "--nodes", "1").out
    )


LACKING = "needs 8 free H100-80GB on each of 2 nodes"


@pytest.mark.parametrize(
    ("nodes", "held", "missing"),
    [
        ("4", 2, None),
        ("3", 1, f"{LACKING}; only 1 node has so many beside the 1 replica that found its nodes"),
        ("2", 1, f"{LACKING}; the best node has 0 beside the 1 replica that found its nodes"),
    ],
)
def test_a_replica_over_two_nodes_needs_both_of_them(file: Path, nodes: str, held: int, missing: str | None) -> None:
    groups = replicas(2, 8).with_pipeline(2)
    answer = nemoctl("plan", write_yaml(file, groups.body), "--nodes", nodes, "-o", "json")
    pool = read_pool(answer)
    assert (held, held == 2, missing) == (pool["replicas"], pool["holdsAll"], pool["missing"])
    assert (4, 2) == (answer.document["nodes"]["needed"], answer.document["nodesPerReplica"])
    assert "pipeline 2, over 2 nodes)" in read_words(nemoctl("plan", file).out)


def spread(replicas_: int = 1) -> DeploymentBuilder:
    """Spread each replica wider than its GPUs make necessary: two of each of two nodes."""
    return replicas(replicas_, 2).with_pipeline(2).having("parallelism.nodes", 2)


def test_the_pods_of_one_replica_never_share_a_node(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, spread().body), "--nodes", "1", "-o", "json")
    pool = read_pool(answer)
    assert (1, 0, False) == (answer.code, pool["replicas"], pool["holdsAll"])
    assert "needs 2 free H100-80GB on each of 2 nodes; only 1 node has so many" == pool["missing"]
    assert 2 == answer.document["nodes"]["needed"]
    assert 0 == nemoctl("plan", file, "--nodes", "2").code


def test_pods_of_several_replicas_may_share_a_node(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, spread(4).body), "--nodes", "2", "-o", "json")
    assert (0, 4, 2) == (answer.code, read_pool(answer)["replicas"], answer.document["nodes"]["needed"])


def test_a_node_that_half_a_replica_would_take_is_told_as_free() -> None:
    answer = nemoctl("plan", "examples/bf16-two-nodes.yaml", "--nodes", "1", "-o", "json")
    assert f"{LACKING}; only 1 node has so many" == read_pool(answer)["missing"]


def test_a_replica_that_is_not_whole_takes_no_gpu_of_others(file: Path) -> None:
    write_yaml(file, replicas(1, 8, "large").with_pipeline(2).body, replicas(2, 4, "small").body)
    answer = nemoctl("plan", file, "--nodes", "1", "-o", "json")
    placed = {report["name"]: report["nodes"]["pool"]["replicas"] for report in answer.document}
    assert {"large": 0, "small": 2} == placed


def test_one_replica_finds_and_others_find(file: Path) -> None:
    told = read_words(nemoctl("plan", write_yaml(file, replicas(3, 8).body), "--nodes", "1").out)
    assert "1 replica of 3 finds a node among 1 empty node" in told


def test_several_deployments_share_the_nodes_the_largest_replicas_first(file: Path) -> None:
    write_yaml(file, replicas(2, 2, "small").body, replicas(1, 8, "large").body)
    answer = nemoctl("plan", file, "--nodes", "1", "-o", "json")
    placed = {report["name"]: report["nodes"]["pool"]["replicas"] for report in answer.document}
    assert (1, {"small": 0, "large": 1}) == (answer.code, placed)
    assert 0 == nemoctl("plan", file, "--nodes", "2").code


def test_deployments_of_two_accelerators_share_no_nodes(file: Path) -> None:
    write_yaml(file, replicas(1, 8, "a").body, replicas(1, 8, "b").with_accelerator("H200").body)
    assert 0 == nemoctl("plan", file, "--nodes", "1").code


def test_what_is_refused_has_no_nodes(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, a_deployment().with_model("nope").body), "--nodes", "1", "-o", "json")
    assert (1, None) == (answer.code, answer.document["nodes"])


def test_a_suspended_deployment_needs_no_node(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, a_deployment().suspended().body), "--nodes", "0", "-o", "json")
    assert (0, True, 0) == (answer.code, read_pool(answer)["holdsAll"], answer.document["nodes"]["needed"])


def test_a_cluster_tells_what_is_free_now_and_what_would_be(api: ApiServer, kubeconfig: Path, file: Path) -> None:
    hold(api, [a_node("a"), a_node("b")], [a_pod("a", 2), a_pod("b", 1), a_pod("b", 3)])
    answer = ask_cluster(write_yaml(file, replicas(1, 8).body), kubeconfig, "-o", "json")
    expected = {
        "source": "cluster",
        "nodes": 2,
        "freeGpus": 10,
        "largestFreeGpus": 6,
        "replicas": 0,
        "replicasWhenEmpty": 1,
        "holdsAll": False,
        "missing": "needs 8 free H100-80GB on one node; the best node has 6",
    }
    assert (1, expected) == (answer.code, read_pool(answer))
    assert (
        "Nodes 0 replicas of 1 find a node among 2 nodes with 10 free GPUs (1 if they were empty); needs 8 free "
        "H100-80GB on one node; the best node has 6"
    ) in read_words(ask_cluster(file, kubeconfig).out)


def test_a_cluster_with_room_is_good(api: ApiServer, kubeconfig: Path, file: Path) -> None:
    hold(api, [a_node("a"), a_node("b")], [a_pod("a", 4)])
    answer = ask_cluster(write_yaml(file, replicas(3, 4).body), kubeconfig, "-o", "json")
    assert (0, 3) == (answer.code, read_pool(answer)["replicas"])


def test_the_pods_of_the_planned_deployment_count_as_gone(api: ApiServer, kubeconfig: Path, file: Path) -> None:
    """Its replicas are what is asked for: counted twice, nothing that runs would ever fit."""
    hold(api, [a_node("a")], [a_pod("a", 8, labels={"nemotron.dev/deployment": "nemotron"})])
    assert 0 == ask_cluster(write_yaml(file, replicas(1, 8).body), kubeconfig).code
    assert 1 == ask_cluster(write_yaml(file, replicas(1, 8, "another").body), kubeconfig).code


def test_a_cluster_without_such_nodes_says_so(api: ApiServer, kubeconfig: Path, file: Path) -> None:
    hold(api, [a_node("a", labels={"nvidia.com/gpu.product": "Tesla-T4"})], [])
    answer = ask_cluster(write_yaml(file, replicas(1, 8).body), kubeconfig, "-o", "json")
    assert (1, 0, "there is no ready node with H100-80GB") == (
        answer.code,
        read_pool(answer)["nodes"],
        read_pool(answer)["missing"],
    )


def test_one_model_is_held_against_a_cluster_too(api: ApiServer, kubeconfig: Path) -> None:
    hold(api, [a_node("a")], [])
    arguments = ("--model", "nvidia/NVIDIA-Nemotron-Nano-9B-v2", "--cluster", "--kubeconfig", str(kubeconfig))
    answer = nemoctl("plan", *arguments, "--replicas", "9", "-o", "json")
    assert (1, 8) == (answer.code, read_pool(answer)["replicas"])


@pytest.mark.parametrize(
    "node",
    [
        a_node("a", spec={"unschedulable": True}),
        a_node("a", ready="False"),
        a_node("a", ready="Unknown"),
        a_node("a", labels={}),
        {"metadata": {"name": "a", "labels": H100}},
    ],
    ids=["cordoned", "not ready", "unknown", "another GPU", "just made"],
)
def test_a_node_that_takes_no_such_pods_is_left_out(node: dict[str, Any]) -> None:
    assert [] == count_node_gpus([node], [], DEMAND)


@pytest.mark.parametrize(
    ("pod", "requested"),
    [
        (a_pod("a", 2), 2),
        (a_pod("a", 2, phase="Pending"), 2),
        (a_pod("a", 2, phase="Succeeded"), 0),
        (a_pod("a", 2, phase="Failed"), 0),
        (a_pod(None, 2, phase="Pending"), 0),
        (a_pod("b", 2), 0),
        (a_pod("a", 0, resources={"requests": {"nvidia.com/gpu": "3"}}), 3),
        (a_pod("a", 0, resources={}), 0),
        (a_pod("a", 2, init=[{"resources": {"limits": {"nvidia.com/gpu": "4"}}}]), 4),
        (a_pod("a", 2, init=[{"resources": {"limits": {"nvidia.com/gpu": "1"}}}]), 2),
    ],
)
def test_requests_are_counted_as_the_scheduler_does(pod: dict[str, Any], requested: int) -> None:
    assert [NodeGpus(8, requested, "a")] == count_node_gpus([a_node("a")], [pod], DEMAND)


def test_a_node_that_promised_too_much_has_nothing_free() -> None:
    assert 0 == NodeGpus(4, 6).free


def fail(*arguments: str | Path) -> str:
    answer = nemoctl("plan", *arguments, KUBECONFIG=None)
    assert (2, "", 1) == (answer.code, answer.out, answer.err.count("\n"))
    return answer.err.removeprefix("nemoctl: ").rstrip("\n")


def test_missing_permissions_say_how_to_check_them(api: ApiServer, kubeconfig: Path, file: Path) -> None:
    api.answers[NODE.path(None)] = (403, {"message": 'nodes is forbidden: User "kim" cannot list'})
    write_yaml(file, a_deployment().body)
    expected = (
        "--cluster: your credentials may not list nodes and the pods of all namespaces. Check with `kubectl auth can-i "
        "list nodes` and `kubectl auth can-i list pods --all-namespaces`, or give --nodes N instead."
    )
    assert expected == fail(file, "--cluster", "--kubeconfig", kubeconfig)


def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path, file: Path) -> None:
    write_yaml(file, a_deployment().body)
    message = fail(file, "--cluster", "--kubeconfig", tmp_path / "nix")
    assert message.startswith(f"There is no kubeconfig at {tmp_path}/nix.")


def test_another_refusal_is_told_as_it_is(api: ApiServer, kubeconfig: Path, file: Path) -> None:
    api.answers[NODE.path(None)] = (500, {"message": "etcd is gone"})
    write_yaml(file, a_deployment().body)
    assert fail(file, "--cluster", "--kubeconfig", kubeconfig).endswith(": etcd is gone")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--nodes", "3", "--cluster"], "--nodes: goes without --cluster; give one of them."),
        (["--context", "x"], "--kubeconfig and --context go with --cluster; without it no cluster is asked."),
        (["--kubeconfig", "x"], "--kubeconfig and --context go with --cluster; without it no cluster is asked."),
    ],
)
def test_options_that_do_not_go_together_are_one_line(arguments: list[str], expected: str) -> None:
    assert expected == fail("examples/minimal.yaml", *arguments)


def test_a_negative_number_of_nodes_is_one_line() -> None:
    assert "'--nodes'" in fail("examples/minimal.yaml", "--nodes", "-1")
