"""What makes the pods of a resource: found, read and judged, whichever kind it is."""

from typing import Any

import pytest

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import DEPLOYMENT, LEADER_WORKER_SET, SERVICE, ApiKind
from nemotron_operator.cluster.pods import list_leaving_pods, observe_ending_pods, observe_pods
from nemotron_operator.cluster.revisions import read_live_server, read_records
from nemotron_operator.cluster.servers import (
    find_server,
    list_group_names,
    list_server_names,
    list_servers,
    read_live_port,
    read_live_tls,
    read_ready_ports,
)
from nemotron_operator.plan.facts import LiveTls
from nemotron_operator.render.manifests import render
from nemotron_operator.render.revision_record import render_record
from nemotron_operator.render.server_pod import render_server_pod, render_worker_pod
from nemotron_operator.rollout.facts import RolloutFacts
from nemotron_operator.rollout.revision import choose_revision
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_container, a_live_object, a_live_pod, condition, controlled_by
from tests.support.fixtures.plans import plan_cached, server_of

JSON = dict[str, Any]

IDENTITY = a_deployment().parsed.identity

PLAN = plan_cached(a_deployment().with_tensor(8).with_pipeline(2).having("cache.accessModes", ["ReadWriteMany"]))

GPU = "nvidia.com/gpu"


def a_cache(*kinds: ApiKind, going: ApiKind | None = None) -> ObjectCache:
    cache = ObjectCache()
    for kind in kinds:
        live = a_live_object(kind.name, "nemotron-nodes" if kind is LEADER_WORKER_SET else "nemotron")
        if kind is going:
            live["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
        cache.upsert(kind, live)
    return cache


def groups(**status: Any) -> JSON:  # noqa: ANN401 - any field of a status
    """Show a LeaderWorkerSet as it was rendered."""
    server = server_of(render(PLAN))
    server["metadata"] |= {"generation": 4, "annotations": {**server["metadata"]["annotations"]}}
    return {**server, "status": {"observedGeneration": 4, "replicas": 1, **status}}


def revision_of(server: JSON) -> str:
    labels: dict[str, str] = server["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["metadata"]["labels"]
    return labels["nemotron.dev/revision"]


def in_group(pod: JSON, group: str = "g", node: str = "") -> JSON:
    pod["metadata"]["labels"]["leaderworkerset.sigs.k8s.io/group-key"] = group
    resources = {"limits": {GPU: "8"}}
    pod["spec"] = {"containers": [{"name": "vllm", "resources": resources}], **({"nodeName": node} if node else {})}
    return pod


@pytest.mark.parametrize("kind", [DEPLOYMENT, LEADER_WORKER_SET])
def test_what_makes_the_pods_is_found_whichever_it_is(kind: ApiKind) -> None:
    found = find_server(a_cache(kind), "team", "nemotron")
    assert found is not None
    assert kind.name == found["kind"]
    assert find_server(a_cache(), "team", "nemotron") is None


@pytest.mark.parametrize("going", [DEPLOYMENT, LEADER_WORKER_SET])
def test_of_two_the_one_that_stays_counts(going: ApiKind) -> None:
    listed = list_servers(a_cache(DEPLOYMENT, LEADER_WORKER_SET, going=going), "team", "nemotron")
    assert (2, going) == (len(listed), listed[-1][0])


def test_only_the_names_that_may_be_needed_are_asked_for() -> None:
    both = [(DEPLOYMENT, "nemotron"), (LEADER_WORKER_SET, "nemotron-nodes")]
    asked = frozenset({LEADER_WORKER_SET})
    assert both[:1] == list_server_names(a_cache(), IDENTITY, asked)
    assert both[:1] == list_server_names(a_cache(), IDENTITY, frozenset())
    assert both[1:] == list_server_names(a_cache(LEADER_WORKER_SET), IDENTITY, asked)
    assert both[:1] == list_server_names(a_cache(DEPLOYMENT), IDENTITY, asked)
    assert both == list_server_names(a_cache(LEADER_WORKER_SET), IDENTITY, frozenset())


@pytest.mark.parametrize("there", [(), (DEPLOYMENT,)], ids=["nothing serves", "one node serves"])
def test_the_names_of_groups_are_asked_for_until_there_is_one(there: tuple[ApiKind, ...]) -> None:
    asked = frozenset({LEADER_WORKER_SET})
    names = [(LEADER_WORKER_SET, "nemotron-nodes"), (SERVICE, "nemotron-nodes")]
    assert names == list_group_names(a_cache(*there), IDENTITY, asked)
    assert [] == list_group_names(a_cache(*there), IDENTITY, frozenset())
    assert [] == list_group_names(a_cache(*there, LEADER_WORKER_SET), IDENTITY, asked)


def test_how_what_serves_is_spoken_with_is_read_whichever_it_is() -> None:
    assert read_live_tls(None) is None
    encrypted = server_of(render(plan_cached(a_deployment().having("tls", {"secretName": "our-tls"}))))
    assert LiveTls("our-tls") == read_live_tls(encrypted)
    assert LiveTls(None) == read_live_tls(server_of(render(plan_cached(a_deployment())))) == read_live_tls(groups())


def test_on_which_port_the_pods_serve_is_read_by_its_name() -> None:
    assert read_live_port(None) is None
    assert 9000 == read_live_port(server_of(render(plan_cached(a_deployment().having("service.port", 9000)))))
    assert 8000 == read_live_port(groups())


def test_the_ports_of_ready_pods_that_stay_are_read_once() -> None:
    def on(port: int, *, ready: bool = True, leaving: bool = False) -> JSON:
        pod = a_live_pod(ready=ready)
        pod["spec"] = {"containers": [{"name": "vllm", "ports": [{"name": "http", "containerPort": port}]}]}
        pod["metadata"].update({"deletionTimestamp": "2026-11-24T08:00:00Z"} if leaving else {})
        return pod

    pods = [on(9000), on(8000), on(9000), on(8001, ready=False), on(8002, leaving=True), a_live_pod(ready=True)]
    assert (8000, 9000) == read_ready_ports(pods)


def test_a_live_group_is_read_with_its_leaders_and_workers() -> None:
    revision = revision_of(groups())
    leader = in_group(a_live_pod("nemotron-nodes-0", revision=revision, ready=True), node="h100-0")
    worker = in_group(
        a_live_pod("nemotron-nodes-0-1", revision=revision, component="worker", ready=True), node="h100-1"
    )
    live = read_live_server(groups(), [leader], GPU, workers=[worker])
    assert (revision, 2, True, 1) == (live.revision, live.group_size, live.is_settled, live.ready_pods)
    assert [("h100-0", 8, "g"), ("h100-1", 8, "g")] == [(pod.node, pod.gpus, pod.group) for pod in live.pods]
    assert live.worker_template is not None


def test_a_worker_without_a_node_leaves_its_group_short_of_gpus() -> None:
    revision = revision_of(groups())
    said = condition("PodScheduled", "False", "Unschedulable", f"0/4 nodes are available: 4 Insufficient {GPU}.")
    worker = in_group(a_live_pod("w", revision=revision, component="worker", conditions=[said]))
    assert read_live_server(groups(), [], GPU, workers=[worker]).is_short_of_gpus


def test_of_pods_that_go_only_those_tell_why_whose_container_ended() -> None:
    ended = a_live_pod("a", containers=[a_container("vllm", 1, last={"exitCode": 1, "reason": "Error"})])
    others = [a_live_pod("b", containers=[a_container("vllm")]), a_live_pod("c")]
    for pod in (ended, *others):
        pod["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    staying = a_live_pod("d", containers=[a_container("vllm", 1, last={"exitCode": 1, "reason": "Error"})])
    assert ["a"] == [pod.name for pod in observe_ending_pods([ended, *others, staying])]


@pytest.mark.parametrize(
    ("ended_at", "exit_code", "is_told"),
    [("07:59:28", 143, True), ("07:59:30", 1, True), ("07:59:30", 143, False), ("07:59:31", 1, False)],
    ids=["before it was told to go", "by itself in that second", "told to in that second", "after it was told to go"],
)
def test_an_engine_that_ends_as_its_pod_goes_has_not_failed(ended_at: str, exit_code: int, *, is_told: bool) -> None:
    end = {"exitCode": exit_code, "reason": "Error", "finishedAt": f"2026-11-24T{ended_at}Z"}
    checked = a_container("check", terminated={"exitCode": 0, "finishedAt": "2026-11-24T07:00:00Z"})
    pod = a_live_pod("a", containers=[a_container("vllm", terminated=end)])
    pod["status"]["initContainerStatuses"] = [checked]
    pod["metadata"].update({"deletionTimestamp": "2026-11-24T08:00:00Z", "deletionGracePeriodSeconds": 30})
    assert is_told == bool(observe_ending_pods([pod]))


def test_a_pod_that_was_told_to_go_holds_its_gpus_until_it_has_ended() -> None:
    staying, going, ended, unplaced = (a_live_pod(name) for name in ("staying", "going", "ended", "unplaced"))
    for pod in (staying, going, ended):
        pod["spec"] = {"nodeName": "h100-0"}
    for pod in (going, ended, unplaced):
        pod["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    ended["status"]["phase"] = "Succeeded"
    assert ("going",) == list_leaving_pods([staying, going, ended, unplaced])


def test_a_pod_that_kueue_gates_is_held_back() -> None:
    gated = condition("PodScheduled", "False", "SchedulingGated", "Scheduling is blocked due to non-empty gates")
    (pod,) = observe_pods([a_live_pod(conditions=[gated])])
    assert (True, "") == (pod.is_held_back, pod.unschedulable)


def test_what_is_kept_of_a_group_is_read_as_it_was_written() -> None:
    chosen = choose_revision(
        PLAN, render_server_pod(PLAN), {}, "1", RolloutFacts(records=()), workers=render_worker_pod(PLAN)
    )
    written = render_record(PLAN, chosen.record)
    live = {
        **a_live_object("ControllerRevision", written["metadata"]["name"], owner=controlled_by()),
        "revision": written["revision"],
        "data": written["data"],
    }
    (record,) = read_records(IDENTITY, [live])
    assert (chosen.record.worker_template, 2) == (record.worker_template, record.group_size)
