"""A replica over several nodes: a LeaderWorkerSet, whose leaders serve and whose workers compute."""

from typing import Any

import pytest

from nemotron_operator.render.manifests import Manifest, Manifests, render
from nemotron_operator.render.metadata import read_group_size, read_revision, read_worker_template
from nemotron_operator.render.revision_record import begin_rollout
from nemotron_operator.render.server_pod import render_server_pod, render_worker_pod
from tests.support.fixtures.deployments import BF16, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import plan_cached, render_cached, server_of

TWO_NODES = (
    a_deployment()
    .with_model(BF16)
    .with_tensor(8)
    .with_pipeline(2)
    .having("cache.accessModes", ["ReadWriteMany"])
    .with_api_key("keys", "api")
)


def engine_of(template: Any) -> Manifest:  # noqa: ANN401 - a pod template
    (engine,) = template["spec"]["containers"]
    found: Manifest = engine
    return found


def templates_of(deployment: DeploymentBuilder) -> tuple[Any, Any]:
    groups = server_of(render_cached(deployment))["spec"]["leaderWorkerTemplate"]
    return groups["leaderTemplate"], groups["workerTemplate"]


def budget_of(manifests: Manifests) -> Manifest:
    assert manifests.disruption_budget is not None
    return manifests.disruption_budget


def test_one_node_is_a_deployment_and_several_are_groups() -> None:
    assert "Deployment" == server_of(render_cached(TWO_NODES.with_pipeline(1)))["kind"]
    server = server_of(render_cached(TWO_NODES.with_replicas(3)))
    assert ("LeaderWorkerSet", "nemotron-nodes", 3) == (
        server["kind"],
        server["metadata"]["name"],
        server["spec"]["replicas"],
    )
    groups = server["spec"]["leaderWorkerTemplate"]
    assert (2, "RecreateGroupOnPodRestart") == (groups["size"], groups["restartPolicy"])
    assert "LeaderCreated" == server["spec"]["startupPolicy"]


@pytest.mark.parametrize(("strategy", "expected"), [("Surge", (1, 0)), ("Replace", (0, 1))])
def test_groups_are_replaced_as_it_was_decided(strategy: str, expected: tuple[int, int]) -> None:
    server = server_of(render_cached(TWO_NODES.having("rollout.strategy", strategy)))
    rolling = server["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]
    assert expected == (rolling["maxSurge"], rolling["maxUnavailable"])


def test_only_leaders_are_found_by_clients_and_asked_whether_they_are_well() -> None:
    leader, worker = templates_of(TWO_NODES)
    assert ("server", "worker") == (
        leader["metadata"]["labels"]["nemotron.dev/component"],
        worker["metadata"]["labels"]["nemotron.dev/component"],
    )
    assert {"ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle"} <= engine_of(leader).keys()
    assert not {"ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle"} & engine_of(worker).keys()
    assert ["probe"] == [each["name"] for each in leader["spec"]["initContainers"]]
    assert "initContainers" not in worker["spec"]


def test_a_worker_is_as_its_leader_but_that_it_answers_nobody() -> None:
    leader, worker = map(engine_of, templates_of(TWO_NODES))
    assert [*leader["args"], "--headless"] == sorted(worker["args"], key=lambda each: each == "--headless")
    same = ("image", "command", "resources", "securityContext", "volumeMounts", "terminationMessagePolicy")
    assert {name: leader[name] for name in same} == {name: worker[name] for name in same}
    variables = [{each["name"] for each in engine["env"]} for engine in (leader, worker)]
    assert {"VLLM_API_KEY"} == variables[0] ^ variables[1]


def test_each_pod_knows_its_place_from_what_leader_worker_set_tells_it() -> None:
    leader, _ = map(engine_of, templates_of(TWO_NODES))
    assert [
        "--nnodes=2",
        "--node-rank=$(LWS_WORKER_INDEX)",
        "--master-addr=$(LWS_LEADER_ADDRESS)",
        "--master-port=29501",
    ] == [each for each in leader["args"] if each.startswith(("--nnodes", "--node-rank", "--master"))]
    (host,) = [each for each in leader["env"] if each["name"] == "VLLM_HOST_IP"]
    assert "status.podIP" == host["valueFrom"]["fieldRef"]["fieldPath"]


def test_the_port_of_the_group_is_nobody_elses() -> None:
    leader, worker = map(engine_of, templates_of(TWO_NODES.having("service.port", 29501)))
    assert "--master-port=29502" in leader["args"]
    assert "--master-port=29502" in worker["args"]


def test_an_address_that_the_user_names_is_left_alone() -> None:
    env = [{"name": "VLLM_HOST_IP", "value": "10.0.0.7"}]
    leader, _ = map(engine_of, templates_of(TWO_NODES.having("engine.env", env)))
    assert env == [each for each in leader["env"] if each["name"] == "VLLM_HOST_IP"]


def test_the_pods_of_a_group_are_on_different_nodes() -> None:
    for template in templates_of(TWO_NODES):
        (term,) = template["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert ("kubernetes.io/hostname", ["leaderworkerset.sigs.k8s.io/group-key"]) == (
            term["topologyKey"],
            term["matchLabelKeys"],
        )
        assert "nodeAffinity" in template["spec"]["affinity"]


def test_other_workers_make_another_revision() -> None:
    plan = plan_cached(TWO_NODES)
    leader, worker = render_server_pod(plan), render_worker_pod(plan)
    server = server_of(render(plan))
    assert worker is not None
    assert leader["metadata"]["annotations"]["nemotron.dev/worker-template"] in str(server)
    (changed,) = {
        read_revision(server_of(render_cached(deployment)))
        for deployment in (TWO_NODES.having("podTemplate.cpu", "33"),)
    }
    assert read_revision(server) != changed
    marked = read_worker_template(server)
    assert marked is not None
    assert read_revision(server) == marked["metadata"]["labels"]["nemotron.dev/revision"]
    assert 2 == read_group_size(server)


def test_a_drain_takes_one_pod_of_all_groups_at_a_time() -> None:
    budget = budget_of(render_cached(TWO_NODES.with_replicas(2)))
    assert [{"key": "nemotron.dev/component", "operator": "In", "values": ["server", "worker"]}] == budget["spec"][
        "selector"
    ]["matchExpressions"]


def test_a_queue_is_named_on_what_makes_the_pods_and_not_on_the_pods() -> None:
    for deployment in (TWO_NODES, a_deployment()):
        queued, free = (render_cached(each) for each in (deployment.having("queueName", "team-a"), deployment))
        server = server_of(queued)
        assert "team-a" == server["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]
        assert "kueue" not in str(server["spec"])
        assert free.revision == queued.revision
        assert "kueue.x-k8s.io/queue-name" not in server_of(free)["metadata"]["labels"]


def test_what_begins_is_one_group_size_with_one_worker_template() -> None:
    rollout = begin_rollout(plan_cached(TWO_NODES))
    assert (2, True) == (rollout.group_size, rollout.worker_template is not None)
    alone = begin_rollout(plan_cached(a_deployment()))
    assert (1, None) == (alone.group_size, alone.worker_template)
