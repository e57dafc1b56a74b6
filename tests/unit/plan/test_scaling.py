from dataclasses import replace

import pytest

from nemotron_operator.plan.facts import Facts, ServingFact
from nemotron_operator.plan.scaling_plan import ScalingPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import NO_FACTS, plan
from tests.support.fixtures.scaling import KEDA_CONFIG, WITHOUT_KEDA, scaled, scaled_to_zero


def plan_scaled(deployment: DeploymentBuilder, facts: Facts = NO_FACTS) -> ServingPlan:
    return plan(deployment, facts, KEDA_CONFIG)


def scaling_of(deployment: DeploymentBuilder, facts: Facts = NO_FACTS) -> ScalingPlan:
    scaling = plan_scaled(deployment, facts).scaling
    assert scaling is not None
    return scaling


def test_without_a_scaler_the_specs_number_is_set() -> None:
    planned = plan_scaled(scaled().having("autoscaling", None).with_replicas(3), Facts(live_replicas=7))
    assert (3, 3, None) == (planned.replicas, planned.set_replicas, planned.scaling)


@pytest.mark.parametrize(
    ("deployment", "live", "missing", "replicas", "is_left"),
    [
        (scaled(), None, frozenset(), 1, False),
        (scaled(2), None, frozenset(), 2, False),
        (scaled_to_zero(), None, frozenset(), 1, False),
        (scaled(2), 3, frozenset(), 3, True),
        (scaled(2), 1, frozenset(), 1, True),
        (scaled(), 9, frozenset(), 9, True),
        (scaled(2), 0, frozenset(), 2, False),
        (scaled_to_zero(), 0, frozenset(), 0, True),
        (scaled_to_zero(), 2, frozenset(), 2, True),
        (scaled_to_zero(), 0, WITHOUT_KEDA, 1, False),
        (scaled_to_zero(), 2, WITHOUT_KEDA, 2, True),
    ],
    ids=[
        "nothing is there",
        "nothing is there and two are the least",
        "the first is tried although none may be",
        "the scaler's number",
        "too few, which the scaler mends",
        "too many, which the scaler mends",
        "an HPA leaves zero alone",
        "KEDA's zero",
        "KEDA's number",
        "zero without KEDA, which would never end",
        "a number without KEDA",
    ],
)
def test_the_scalers_number_is_left_once_there_is_one(
    deployment: DeploymentBuilder,
    live: int | None,
    missing: frozenset[str],
    replicas: int,
    is_left: bool,  # noqa: FBT001 - a column
) -> None:
    planned = plan_scaled(deployment, Facts(live_replicas=live, missing_apis=missing))
    assert (replicas, None if is_left else replicas) == (planned.replicas, planned.set_replicas)
    assert replicas * 2 == planned.gpus


def test_what_is_suspended_has_no_scaler_and_no_replica() -> None:
    planned = plan_scaled(scaled(2).suspended(), Facts(live_replicas=3))
    assert (0, 0, None) == (planned.replicas, planned.set_replicas, planned.scaling)
    assert not planned.is_scaled_to_zero


def test_only_a_scalers_zero_is_no_suspension() -> None:
    assert plan_scaled(scaled_to_zero(), Facts(live_replicas=0)).is_scaled_to_zero
    assert not plan_scaled(scaled_to_zero(), Facts(live_replicas=1)).is_scaled_to_zero


@pytest.mark.parametrize(("asked", "delay"), [(None, 527), (0, 0), (900, 900)])
def test_a_replica_goes_after_a_start_would_have_brought_it_back(asked: int | None, delay: int) -> None:
    settings = {} if asked is None else {"scaleDownDelaySeconds": asked}
    scaling = scaling_of(scaled(**settings))
    assert (delay, 527) == (scaling.scale_down_delay_seconds, scaling.start_seconds)


def test_a_delay_is_no_longer_than_a_window_may_be() -> None:
    slow = KEDA_CONFIG.model_copy(update={"assumed_read_mib_per_second": 1})
    scaling = plan(scaled(), NO_FACTS, slow).scaling
    assert scaling is not None
    assert 3600 == scaling.scale_down_delay_seconds < scaling.start_seconds


@pytest.mark.parametrize(
    ("serving", "is_due"),
    [
        (ServingFact("new", 1, is_whole=False), False),
        (ServingFact("new", 2, is_whole=False), True),
        (ServingFact("new", 3), True),
        (ServingFact("old", 2), False),
    ],
)
def test_the_question_waits_for_the_least_number_and_not_for_more(
    serving: ServingFact,
    is_due: bool,  # noqa: FBT001 - a column
) -> None:
    verification = plan_scaled(scaled(2), replace(NO_FACTS, live_replicas=3, serving=serving)).verification
    assert verification is not None
    assert is_due == verification.is_due("nemotron", "new")


def test_without_a_scaler_what_is_not_whole_is_not_asked() -> None:
    facts = replace(NO_FACTS, serving=ServingFact("new", 1, is_whole=False))
    verification = plan_scaled(a_deployment(), facts).verification
    assert verification is not None
    assert not verification.is_due("nemotron", "new")
