from typing import Any

import pytest

from nemotron_operator.cluster.scaling import observe_autoscaler, observe_scaled_object, read_live_replicas
from nemotron_operator.status.observed_servers import ObservedScaler, ScalerTrouble
from tests.support.fixtures.live_objects import a_live_object, condition

JSON = dict[str, Any]

NO_METRIC = "unable to get metric vllm_num_requests_waiting: no metrics "
ABLE = condition("AbleToScale", "True", "ReadyForNewScale")
ACTIVE = condition("ScalingActive", "True", "ValidMetricFound")
READY = condition("Ready", "True", "ScaledObjectReady")


def an_autoscaler(*conditions: JSON) -> JSON:
    return a_live_object("HorizontalPodAutoscaler", "nemotron", status={"conditions": list(conditions)})


def a_scaled_object(*conditions: JSON) -> JSON:
    return a_live_object("ScaledObject", "nemotron", status={"conditions": list(conditions)})


def seen(
    kind: str = "HorizontalPodAutoscaler", words: str = "", *, lacks_metrics: bool = False, is_at_most: bool = False
) -> ObservedScaler:
    trouble = ScalerTrouble(words, lacks_metrics) if words else None
    return ObservedScaler(kind, has_looked=True, is_at_most=is_at_most, trouble=trouble)


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (an_autoscaler(ABLE, ACTIVE), seen()),
        (an_autoscaler(ABLE, ACTIVE, condition("ScalingLimited", "True", "TooManyReplicas")), seen(is_at_most=True)),
        (an_autoscaler(ABLE, ACTIVE, condition("ScalingLimited", "True", "TooFewReplicas")), seen()),
        (
            an_autoscaler(ABLE, condition("ScalingActive", "False", "FailedGetPodsMetric", NO_METRIC)),
            seen(words=f"FailedGetPodsMetric: {NO_METRIC.strip()}.", lacks_metrics=True),
        ),
        (an_autoscaler(ABLE, condition("ScalingActive", "False", "ScalingDisabled", "it is zero")), seen()),
        (
            an_autoscaler(condition("AbleToScale", "False", "FailedGetScale", 'deployments "nemotron"  not found.')),
            seen(words='FailedGetScale: deployments "nemotron" not found.'),
        ),
    ],
    ids=["it scales", "it would take more", "it would take less", "no metric", "its target is at zero", "no target"],
)
def test_an_autoscaler_is_read_by_its_conditions(live: JSON, expected: ObservedScaler) -> None:
    assert expected == observe_autoscaler(live)


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (a_scaled_object(READY), seen("ScaledObject")),
        (a_scaled_object(READY, condition("HPAActive", "True", "HPAScalingDisabled")), seen("ScaledObject")),
        (
            a_scaled_object(condition("Ready", "False", "TriggerError", "Triggers are not working")),
            seen("ScaledObject", "TriggerError: Triggers are not working.", lacks_metrics=True),
        ),
        (
            a_scaled_object(condition("Ready", "Unknown", "PartialTriggerError", "Some are not")),
            seen("ScaledObject", "PartialTriggerError: Some are not.", lacks_metrics=True),
        ),
        (
            a_scaled_object(READY, condition("HPAActive", "False", "FailedGetExternalMetric", "no such metric")),
            seen("ScaledObject", "FailedGetExternalMetric: no such metric.", lacks_metrics=True),
        ),
        (
            a_scaled_object(condition("Ready", "False", "ScaledObjectCheckFailed", "no such target")),
            seen("ScaledObject", "ScaledObjectCheckFailed: no such target."),
        ),
        (
            a_scaled_object(READY, condition("Paused", "True", "ScaledObjectPaused", "ScaledObject is paused")),
            seen("ScaledObject", "ScaledObjectPaused: ScaledObject is paused."),
        ),
    ],
    ids=["it scales", "at zero", "no trigger works", "one does not", "no metric", "no target", "paused"],
)
def test_a_scaled_object_is_read_by_what_keda_and_its_autoscaler_say(live: JSON, expected: ObservedScaler) -> None:
    assert expected == observe_scaled_object(live)


def test_what_nobody_has_looked_at_says_nothing() -> None:
    new = condition("Ready", "Unknown")
    assert not observe_autoscaler(a_live_object("HorizontalPodAutoscaler", "nemotron")).has_looked
    assert not observe_scaled_object(a_scaled_object(new)).has_looked


def test_long_words_are_cut() -> None:
    long = an_autoscaler(condition("AbleToScale", "False", "FailedGetScale", "x" * 2000))
    trouble = observe_autoscaler(long).trouble
    assert trouble is not None
    assert 501 == len(trouble.words)


@pytest.mark.parametrize(
    ("server", "replicas"),
    [
        (None, None),
        (a_live_object("Deployment", "nemotron", spec={"replicas": 0}), 0),
        (a_live_object("Deployment", "nemotron", spec={"replicas": 3}), 3),
        (a_live_object("LeaderWorkerSet", "nemotron", spec={}), 1),
    ],
)
def test_the_number_of_replicas_is_that_of_what_serves(server: JSON | None, replicas: int | None) -> None:
    assert replicas == read_live_replicas(server)


def test_what_is_being_deleted_has_none() -> None:
    server = a_live_object("Deployment", "nemotron", spec={"replicas": 3})
    server["metadata"]["deletionTimestamp"] = "2026-11-24T08:00:00Z"
    assert read_live_replicas(server) is None
