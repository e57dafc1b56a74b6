from dataclasses import replace
from datetime import UTC, datetime

import pytest

from nemotron_operator.api.conditions import Condition
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.cluster.publish import dump_status
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_servers import ObservedScaler, ScalerTrouble
from tests.support.fixtures.deployments import DeploymentBuilder
from tests.support.fixtures.observations import NEW, OLD, a_pod, answered, serving
from tests.support.fixtures.plans import facts_when_cached, plan
from tests.support.fixtures.scaling import KEDA_CONFIG, WITHOUT_KEDA, scaled, scaled_to_zero
from tests.support.kstatus import Verdict, judge
from tests.unit.status.situations import remembering

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
AUTOSCALER = ObservedScaler("HorizontalPodAutoscaler", has_looked=True, is_at_most=False, trouble=None)
KEDA = replace(AUTOSCALER, kind="ScaledObject")
NO_METRIC = ScalerTrouble("FailedGetPodsMetric: no metrics returned.", lacks_metrics=True)
NO_TARGET = ScalerTrouble("FailedGetScale: not found.", lacks_metrics=False)
NO_GPUS = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu."


def plan_of(deployment: DeploymentBuilder, live: int, missing: frozenset[str] = frozenset()) -> ServingPlan:
    """Plan what is cached and has so many replicas."""
    facts = replace(facts_when_cached(deployment), live_replicas=live, missing_apis=missing)
    return plan(deployment, facts, KEDA_CONFIG)


def tell(
    planned: ServingPlan, observation: Observation, previous: NemotronDeploymentStatus | None = None
) -> dict[str, Condition]:
    status = compute_status(planned, observation, NEW, previous or NemotronDeploymentStatus(), NOW)
    return {condition.type: condition for condition in status.conditions}


def with_scaler(observation: Observation, scaler: ObservedScaler) -> Observation:
    return replace(observation, scalers=(scaler,))


def pods(ready: int, loading: int = 0) -> Observation:
    """See so many pods of the desired revision."""
    states = [True] * ready + [False] * loading
    return serving(*(a_pod(name=f"nemotron-{index}", ready=is_ready) for index, is_ready in enumerate(states)))


@pytest.mark.parametrize(
    ("live", "observation", "reason", "words"),
    [
        (1, pods(1), "Serving", "1 of 1 replicas serve."),
        (3, pods(3), "Serving", "3 of 3 replicas serve."),
        (3, pods(2, loading=1), "Serving", "2 of 3 replicas serve. The others are on their way."),
        (1, pods(2), "Serving", "2 of 2 replicas serve."),
        (3, pods(0, loading=3), "Loading", "3 pods load"),
    ],
    ids=["the least", "the most", "one more loads", "one more still ends", "none serves yet"],
)
def test_more_replicas_that_are_on_their_way_are_not_waited_for(
    live: int, observation: Observation, reason: str, words: str
) -> None:
    planned = plan_of(scaled().that_is_asked_nothing(), live)
    told = tell(planned, with_scaler(observation, AUTOSCALER))["Ready"]
    assert (reason, True) == (told.reason, words in told.message)


def test_the_least_number_is_waited_for() -> None:
    told = tell(plan_of(scaled(2).that_is_asked_nothing(), 3), pods(1, loading=2))
    assert ("False", "RollingOut") == (told["Ready"].status, told["Ready"].reason)
    assert "1 of 3 replicas serve the desired revision." in told["Ready"].message
    raised = tell(plan_of(scaled(2).that_is_asked_nothing(), 1), pods(1))["Ready"]
    assert ("RollingOut", "1 of 2 replicas serve the desired revision.") == (raised.reason, raised.message)


def test_gpus_that_a_further_replica_lacks_are_told_and_nothing_else_suffers() -> None:
    waiting = a_pod(name="nemotron-1", unschedulable=NO_GPUS)
    told = tell(plan_of(scaled().that_is_asked_nothing(), 2), serving(a_pod(ready=True), waiting))
    assert ("True", "Serving") == (told["Ready"].status, told["Ready"].reason)
    assert "1 of 2 replicas serve. Pod nemotron-1 waits for GPUs" in told["Ready"].message
    assert {"Stalled", "Reconciling"}.isdisjoint(told)


def test_an_old_revision_that_still_serves_is_a_rollout_on_its_way() -> None:
    told = tell(plan_of(scaled().that_is_asked_nothing(), 2), serving(a_pod(ready=True), a_pod(OLD, ready=True)))
    assert ("False", "RollingOut") == (told["Ready"].status, told["Ready"].reason)


def test_enough_replicas_have_to_answer_all_the_same() -> None:
    planned, seen = plan_of(scaled(), 3), pods(1, loading=2)
    assert ("False", "Verifying") == _verdict(tell(planned, seen)["Ready"])
    assert ("True", "Serving") == _verdict(tell(planned, answered(planned, seen))["Ready"])


@pytest.mark.parametrize(
    ("scaler", "status", "reason", "words"),
    [
        (
            AUTOSCALER,
            "True",
            "Scaling",
            "decides: 2 replicas of 1 to 4, by 5 waiting requests and 80 %",
        ),
        (AUTOSCALER, "True", "Scaling", "spec.replicas (1) is not used."),
        (replace(AUTOSCALER, is_at_most=True), "True", "Scaling", "It would take more than maxReplicas."),
        (replace(AUTOSCALER, has_looked=False), "Unknown", "Waiting", "has just been made."),
        (
            replace(AUTOSCALER, trouble=NO_METRIC),
            "False",
            "MetricsNotFound",
            "so 2 replicas stay. FailedGetPodsMetric: no metrics returned. Ask for them with `kubectl get --raw",
        ),
        (
            replace(AUTOSCALER, trouble=NO_TARGET),
            "False",
            "NotScaling",
            "does not scale. FailedGetScale: not found. `kubectl -n team describe horizontalpodautoscaler nemotron`",
        ),
    ],
)
def test_the_scaler_is_told_in_its_own_words(scaler: ObservedScaler, status: str, reason: str, words: str) -> None:
    told = tell(plan_of(scaled().that_is_asked_nothing(), 2), with_scaler(pods(2), scaler))
    assert ((status, reason), True) == (_verdict(told["Autoscaled"]), words in told["Autoscaled"].message)
    assert "True" == told["Ready"].status


def test_the_way_of_a_metric_can_be_followed_in_any_shell() -> None:
    """The path has a star, which zsh takes for file names where nothing quotes it."""
    scaler = replace(AUTOSCALER, trouble=NO_METRIC)
    told = tell(plan_of(scaled().that_is_asked_nothing(), 2), with_scaler(pods(2), scaler))["Autoscaled"]
    path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/team/pods/*/vllm_num_requests_waiting"
    assert f"`kubectl get --raw '{path}'`" in told.message


def test_no_metric_is_missed_before_an_engine_serves() -> None:
    scaler = replace(AUTOSCALER, trouble=NO_METRIC)
    told = tell(plan_of(scaled(), 1), with_scaler(pods(0, loading=1), scaler))["Autoscaled"]
    assert ("Unknown", "Waiting") == _verdict(told)


def test_nothing_is_said_where_no_scaler_is_asked_for() -> None:
    assert "Autoscaled" not in tell(plan(scaled().having("autoscaling", None)), Observation())
    assert ("Unknown", "Waiting") == _verdict(tell(plan(scaled()), Observation())["Autoscaled"])


def test_the_scaler_before_is_not_taken_for_the_one_that_is_asked_for() -> None:
    told = tell(plan_of(scaled(by="KEDA"), 1), with_scaler(pods(1), AUTOSCALER))["Autoscaled"]
    assert ("Unknown", "Waiting") == _verdict(told)


def test_keda_that_is_missing_needs_a_human_and_serving_goes_on() -> None:
    deployment = scaled(by="KEDA").that_is_asked_nothing()
    told = tell(plan_of(deployment, 2, WITHOUT_KEDA), pods(2))
    assert ("False", "ApiNotInstalled") == _verdict(told["Ready"]) == _verdict(told["Autoscaled"])
    assert ("True", "ApiNotInstalled") == _verdict(told["Stalled"])
    assert "True" == told["Available"].status
    for words in ("keda.sh/v1alpha1", "Install KEDA", "`by: HorizontalPodAutoscaler`", "2 replicas stay"):
        assert words in told["Autoscaled"].message


def test_of_keda_that_is_there_and_may_not_be_used_nobody_says_that_it_is_to_be_installed() -> None:
    planned = plan_of(scaled(by="KEDA").that_is_asked_nothing(), 2, WITHOUT_KEDA)
    told = tell(replace(planned, forbidden_apis={"ScaledObject": "Not allowed in 'blue'."}), pods(2))["Autoscaled"]
    assert ("False", "ApiNotInstalled") == _verdict(told)
    assert told.message.endswith(
        "This cluster has ScaledObject, and the operator may not use it: Not allowed in 'blue'. Until it may, or "
        "`by: HorizontalPodAutoscaler` is set, it makes and changes none; one that is there goes on scaling."
    )


def test_a_scalers_zero_is_ready_once_the_revision_has_answered() -> None:
    planned = plan_of(scaled_to_zero(), 0)
    seen = with_scaler(serving(), KEDA)
    answered_before = compute_status(planned, seen, NEW, remembering(planned), NOW)
    told = {condition.type: condition for condition in answered_before.conditions}
    assert ("True", "ScaledToZero") == _verdict(told["Ready"]) == _verdict(told["Autoscaled"])
    assert ("False", "ScaledToZero") == _verdict(told["Available"])
    assert {"Stalled", "Reconciling"}.isdisjoint(told)
    assert "the first one is started, which takes about 527 s." in told["Ready"].message
    assert Verdict.CURRENT == judge(_body(answered_before))


def test_a_scalers_zero_is_not_ready_before_the_revision_has_answered() -> None:
    planned = plan_of(scaled_to_zero(), 0)
    told = tell(planned, serving(), remembering(planned, OLD))
    assert ("False", "ScaledToZero") == _verdict(told["Ready"])
    assert "This revision has not answered yet" in told["Ready"].message
    assert {"Stalled", "Reconciling"}.isdisjoint(told)


def test_at_a_scalers_zero_a_pod_that_has_not_ended_yet_is_said_to_hold_gpus() -> None:
    told = tell(plan_of(scaled_to_zero().that_is_asked_nothing(), 0), replace(serving(), leaving_pods=("nemotron-x",)))
    assert "since nobody asks, and pod nemotron-x holds GPUs until it has ended. When" in told["Ready"].message


def test_a_scalers_zero_is_ready_where_nobody_asks() -> None:
    told = tell(plan_of(scaled_to_zero().that_is_asked_nothing(), 0), serving())
    assert ("True", "ScaledToZero") == _verdict(told["Ready"])


def test_at_zero_a_metric_that_is_missing_is_told_since_nothing_would_wake() -> None:
    scaler = replace(KEDA, trouble=ScalerTrouble("TriggerError: no answer.", lacks_metrics=True))
    told = tell(plan_of(scaled_to_zero(), 0), with_scaler(serving(), scaler))["Autoscaled"]
    assert ("False", "MetricsNotFound") == _verdict(told)
    assert "Ask http://prometheus:9090 for `vllm:num_requests_waiting{namespace='team'}`" in told.message


def _verdict(condition: Condition) -> tuple[str, str]:
    return condition.status, condition.reason


def _body(status: NemotronDeploymentStatus) -> dict[str, object]:
    return {"metadata": {"generation": status.observed_generation}, "status": dump_status(status)}
