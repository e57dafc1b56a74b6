import re
from dataclasses import replace
from typing import Any

import pytest

from nemotron_operator.plan.facts import Facts
from nemotron_operator.render.manifests import render
from nemotron_operator.render.revision_record import begin_rollout
from nemotron_operator.render.scaler import NEVER_REACHED, render_scaler
from tests.support.fixtures.deployments import DeploymentBuilder
from tests.support.fixtures.plans import NO_FACTS, facts_when_cached, plan
from tests.support.fixtures.scaling import KEDA_CONFIG, WITHOUT_KEDA, scaled, scaled_to_zero

JSON = dict[str, Any]

FIRST_ANSWER = 2554
"""What the model of the tests is given to start and to answer, in seconds."""

START_BUDGET = 1054
"""How long the kubelet waits for its engine."""


def scaler_of(deployment: DeploymentBuilder) -> JSON:
    """Render the scaler of what is cached."""
    scaler = render_scaler(plan(deployment, facts_when_cached(deployment), KEDA_CONFIG))
    assert scaler is not None
    return scaler


def triggers_of(deployment: DeploymentBuilder) -> dict[str, JSON]:
    return {trigger["name"]: trigger["metadata"] for trigger in scaler_of(deployment)["spec"]["triggers"]}


def test_a_scaler_scales_the_child_and_belongs_to_the_resource() -> None:
    for deployment in (scaled(), scaled(by="KEDA")):
        scaler = scaler_of(deployment)
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nemotron"}
        assert target == scaler["spec"]["scaleTargetRef"]
        assert "NemotronDeployment" == scaler["metadata"]["ownerReferences"][0]["kind"]


def test_where_a_replica_spans_nodes_its_group_is_scaled_and_only_leaders_count() -> None:
    deployment = scaled(by="KEDA").having("parallelism", {"tensor": 8, "pipeline": 2})
    spec, query = scaler_of(deployment)["spec"], triggers_of(deployment)["waiting-requests"]["query"]
    target = {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "name": "nemotron-nodes",
    }
    assert (target, True) == (spec["scaleTargetRef"], 'pod=~"nemotron-nodes-[0-9]+"' in query)


@pytest.mark.parametrize(
    ("parallelism", "has_live_groups", "kind", "pods"),
    [
        ({"tensor": 8, "pipeline": 2}, False, "Deployment", 'pod=~"nemotron-[a-z0-9]+('),
        ({"tensor": 8}, True, "LeaderWorkerSet", 'pod=~"nemotron-nodes-[0-9]+"'),
    ],
)
def test_while_the_next_model_is_fetched_what_serves_is_scaled(
    parallelism: JSON,
    has_live_groups: bool,  # noqa: FBT001 - a column
    kind: str,
    pods: str,
) -> None:
    facts = Facts(live_replicas=2, has_live_groups=has_live_groups)
    scaler = render_scaler(plan(scaled(by="KEDA").having("parallelism", parallelism), facts, KEDA_CONFIG))
    assert scaler is not None
    assert kind == scaler["spec"]["scaleTargetRef"]["kind"]
    assert pods in scaler["spec"]["triggers"][0]["metadata"]["query"]


def test_what_was_taken_back_is_asked_by_the_names_of_its_own_pods() -> None:
    deployment = scaled(by="KEDA").having("parallelism", {"tensor": 8, "pipeline": 2})
    of_one_node = plan(scaled(by="KEDA"), facts_when_cached(scaled(by="KEDA")), KEDA_CONFIG)
    scaler = render_scaler(plan(deployment, facts_when_cached(deployment), KEDA_CONFIG), begin_rollout(of_one_node))
    assert scaler is not None
    assert 'pod=~"nemotron-[a-z0-9]+(' in scaler["spec"]["triggers"][0]["metadata"]["query"]


def test_an_autoscaler_adds_by_the_queue_and_the_kv_cache_of_each_engine() -> None:
    spec = scaler_of(scaled(2, waitingRequests=7, kvCacheUsagePercent=65))["spec"]
    targets = {one["pods"]["metric"]["name"]: one["pods"]["target"] for one in spec["metrics"]}
    assert (2, 4) == (spec["minReplicas"], spec["maxReplicas"])
    assert {
        "vllm_num_requests_waiting": {"type": "AverageValue", "averageValue": "7"},
        "vllm_kv_cache_usage_perc": {"type": "AverageValue", "averageValue": "650m"},
    } == targets


@pytest.mark.parametrize(("count", "expected"), [(999, "999"), (1000, "1k"), (1500, "1500"), (20_000, "20k")])
def test_a_number_of_requests_is_written_as_the_api_server_keeps_it(count: int, expected: str) -> None:
    metrics = scaler_of(scaled(waitingRequests=count))["spec"]["metrics"]
    assert expected == metrics[0]["pods"]["target"]["averageValue"]


def test_a_full_share_is_written_as_the_api_server_keeps_it() -> None:
    metrics = scaler_of(scaled(kvCacheUsagePercent=100))["spec"]["metrics"]
    assert "1" == metrics[1]["pods"]["target"]["averageValue"]


@pytest.mark.parametrize("by", ["HorizontalPodAutoscaler", "KEDA"])
def test_it_goes_up_once_for_each_start_of_an_engine_and_down_one_by_one(by: str) -> None:
    spec = scaler_of(scaled(by=by))["spec"]
    behavior = spec.get("behavior") or spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    up = [(policy["type"], policy["value"], policy["periodSeconds"]) for policy in behavior["scaleUp"]["policies"]]
    assert [("Pods", 2, 527), ("Percent", 100, 527)] == up
    assert [{"type": "Pods", "value": 1, "periodSeconds": 60}] == behavior["scaleDown"]["policies"]
    assert (0, 527) == tuple(behavior[way]["stabilizationWindowSeconds"] for way in ("scaleUp", "scaleDown"))


def test_what_may_go_at_once_goes_second_by_second() -> None:
    down = scaler_of(scaled(scaleDownDelaySeconds=0))["spec"]["behavior"]["scaleDown"]
    assert (0, 1) == (down["stabilizationWindowSeconds"], down["policies"][0]["periodSeconds"])


def test_keda_sums_what_the_engines_of_this_resource_report() -> None:
    triggers = triggers_of(scaled(by="KEDA"))
    labels = 'namespace="team",pod=~"nemotron-[a-z0-9]+(-[a-z0-9]{5})?"'
    assert f"sum(avg_over_time(vllm:num_requests_waiting{{{labels}}}[2m]))" == triggers["waiting-requests"]["query"]
    assert ("5", "0.8") == (triggers["waiting-requests"]["threshold"], triggers["kv-cache-usage"]["threshold"])
    assert {"http://prometheus:9090"} == {trigger["serverAddress"] for trigger in triggers.values()}


@pytest.mark.parametrize(
    ("pod", "is_its_own"),
    [
        ("nemotron-7c9f6b5d44-x2x8k", True),
        ("nemotron-7c9f6b5d44x2x8k", True),
        ("nemotron-big-7c9f6b5d44-x2x8k", False),
        ("nemotron", False),
        ("big-nemotron-7c9f6b5d44-x2x8k", False),
    ],
)
def test_no_other_resources_pods_count(pod: str, is_its_own: bool) -> None:  # noqa: FBT001 - a column
    pattern = re.search('pod=~"([^"]+)"', triggers_of(scaled(by="KEDA"))["waiting-requests"]["query"])
    assert pattern is not None
    assert is_its_own == bool(re.fullmatch(pattern[1], pod))


def test_metrics_that_vanish_change_nothing_where_a_replica_always_runs() -> None:
    assert {"false"} == {trigger["ignoreNullValues"] for trigger in triggers_of(scaled(by="KEDA")).values()}


def test_who_asks_starts_the_first_replica_and_no_second() -> None:
    triggers = triggers_of(scaled_to_zero())
    nulls = {name: trigger["ignoreNullValues"] for name, trigger in triggers.items()}
    activation = triggers["activation"]
    assert {"waiting-requests": "true", "kv-cache-usage": "true", "activation": "false"} == nulls
    assert ("sum(queue)", "0", NEVER_REACHED) == (
        activation["query"],
        activation["activationThreshold"],
        activation["threshold"],
    )


def test_the_first_replica_may_load_and_answer_before_keda_counts_it_as_unused() -> None:
    deployment = scaled_to_zero()
    planned, spec = plan(deployment, NO_FACTS, KEDA_CONFIG), scaler_of(deployment)["spec"]
    assert (0, 4) == (spec["minReplicaCount"], spec["maxReplicaCount"])
    assert FIRST_ANSWER == spec["initialCooldownPeriod"] > planned.startup.progress_deadline_seconds


@pytest.mark.parametrize(
    ("least", "delay", "cooldown"),
    [(0, 120, START_BUDGET), (0, 3600, 3600), (1, 120, 120)],
    ids=["a start takes longer", "the delay is longer", "the last replica always stays"],
)
def test_each_start_from_zero_may_end_before_keda_takes_the_last_replica_away(
    least: int, delay: int, cooldown: int
) -> None:
    spec = scaler_of(scaled(least, by="KEDA", scaleDownDelaySeconds=delay, activation={"query": "sum(queue)"}))["spec"]
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert (cooldown, delay) == (spec["cooldownPeriod"], down["stabilizationWindowSeconds"])


def test_there_is_a_scaler_as_long_as_there_is_something_to_scale() -> None:
    def is_rendered(facts: Facts) -> bool:
        return render_scaler(plan(scaled(), facts, KEDA_CONFIG)) is not None

    assert not is_rendered(NO_FACTS)
    assert is_rendered(Facts(live_replicas=2))  # what serves while the next model is fetched
    assert is_rendered(facts_when_cached(scaled()))
    assert render_scaler(plan(scaled().suspended(), facts_when_cached(scaled()))) is None


def test_what_the_cluster_does_not_know_is_not_made() -> None:
    deployment = scaled(by="KEDA")
    facts = Facts(live_replicas=1, missing_apis=WITHOUT_KEDA)
    assert render_scaler(plan(deployment, facts, KEDA_CONFIG)) is None


def test_the_number_of_replicas_is_left_out_where_it_is_the_scalers() -> None:
    deployment = scaled(2)
    cached = facts_when_cached(deployment)
    first = render(plan(deployment, cached)).server
    later = render(plan(deployment, replace(cached, live_replicas=3))).server
    assert first is not None
    assert later is not None
    assert (2, False) == (first["spec"]["replicas"], "replicas" in later["spec"])


def test_a_budget_for_disruptions_is_there_before_the_second_replica_is() -> None:
    assert render(plan(scaled(1, 2))).disruption_budget is not None
    assert render(plan(scaled(1, 1))).disruption_budget is None
