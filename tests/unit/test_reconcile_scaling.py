"""The pipeline with a scaler: who decides about the replicas, and in which order things are made and taken away."""

from typing import Any

import pytest

from nemotron_operator.cluster.kinds import AUTOSCALER, CLAIM, DEPLOYMENT, POD, ApiKind
from tests.support.fixtures.deployments import BF16, DeploymentBuilder
from tests.support.fixtures.live_objects import a_live_object, a_live_pod
from tests.support.fixtures.scaling import scaled
from tests.support.memory_gateway import merge
from tests.unit.test_reconcile import NO_NODE, Cluster

JSON = dict[str, Any]


def served(deployment: DeploymentBuilder) -> Cluster:
    """Make a cluster in which the model is cached and what is asked for was made."""
    cluster = Cluster(deployment)
    cluster.reconcile()
    cluster.finish_download()
    while cluster.reconcile():
        pass
    return cluster


def scale(cluster: Cluster, replicas: int) -> None:
    """Scale as a HorizontalPodAutoscaler does."""
    cluster.gateway.put(DEPLOYMENT, merge(cluster.find(DEPLOYMENT), {"spec": {"replicas": replicas}}))


def replicas_of(cluster: Cluster) -> int:
    return int(cluster.find(DEPLOYMENT)["spec"]["replicas"])


def list_kinds(cluster: Cluster, *kinds: ApiKind) -> list[str]:
    return [kind.name for kind, _ in cluster.gateway.objects if kind in kinds]


@pytest.fixture
def cluster() -> Cluster:
    return served(scaled().that_is_asked_nothing())


def test_the_scaler_is_made_when_there_is_something_to_scale() -> None:
    cluster = Cluster(scaled())
    cluster.reconcile()
    assert [] == list_kinds(cluster, AUTOSCALER, DEPLOYMENT)
    cluster.finish_download()
    writes = [kind for _, kind, _ in cluster.reconcile()]
    assert writes.index("Deployment") < writes.index("HorizontalPodAutoscaler")


def test_what_the_scaler_decides_stays_whatever_else_changes(cluster: Cluster) -> None:
    scale(cluster, 3)
    assert ["status"] == [verb for verb, _, _ in cluster.reconcile()]
    cluster.restart()
    assert [] == cluster.reconcile()

    cluster.ask_for(scaled().that_is_asked_nothing().having("podTemplate.labels", {"team": "a"}))
    assert ("apply", "Deployment", "nemotron") in cluster.reconcile()
    assert 3 == replicas_of(cluster)


def test_the_operator_gives_the_number_away_before_it_leaves_it_out() -> None:
    cluster = Cluster(scaled(2).that_is_asked_nothing())
    cluster.reconcile()
    cluster.finish_download()
    cluster.reconcile()
    writes = cluster.reconcile()
    ours = [verb for verb, kind, _ in writes if kind == "Deployment"]
    assert (["own", "apply"], 2) == (ours, replicas_of(cluster))


def test_the_number_of_what_lost_its_label_is_the_scalers_too(cluster: Cluster) -> None:
    scale(cluster, 4)
    unknown = merge(cluster.find(DEPLOYMENT), {"metadata": {"labels": None}})
    cluster.gateway.put(DEPLOYMENT, unknown)
    while cluster.reconcile():
        assert 4 == replicas_of(cluster)
    assert "nemotron" == cluster.find(DEPLOYMENT)["metadata"]["labels"]["nemotron.dev/deployment"]


def test_without_a_scaler_the_specs_number_counts_again(cluster: Cluster) -> None:
    scale(cluster, 3)
    cluster.ask_for(scaled().that_is_asked_nothing().having("autoscaling", None).with_replicas(2))
    cluster.reconcile()
    assert (2, []) == (replicas_of(cluster), list_kinds(cluster, AUTOSCALER))


def test_what_a_scaler_takes_to_zero_and_must_not_comes_back(cluster: Cluster) -> None:
    scale(cluster, 0)
    cluster.reconcile()
    assert 1 == replicas_of(cluster)


def test_suspending_takes_the_scaler_away_first(cluster: Cluster) -> None:
    scale(cluster, 3)
    cluster.ask_for(scaled().that_is_asked_nothing().suspended())
    writes = [(verb, kind) for verb, kind, _ in cluster.reconcile()]
    assert writes.index(("delete", "HorizontalPodAutoscaler")) < writes.index(("apply", "Deployment"))
    assert 0 == replicas_of(cluster)


def test_what_is_suspended_and_refused_is_not_scaled_up_again(cluster: Cluster) -> None:
    scale(cluster, 3)
    cluster.ask_for(scaled().that_is_asked_nothing().with_tensor(3).suspended())
    cluster.reconcile()
    assert (0, []) == (replicas_of(cluster), list_kinds(cluster, AUTOSCALER))


def test_no_number_in_the_spec_stops_what_a_scaler_scales(cluster: Cluster) -> None:
    scale(cluster, 3)
    cluster.ask_for(scaled().that_is_asked_nothing().with_replicas(0))
    cluster.reconcile()
    assert 3 == replicas_of(cluster)


def test_the_scaler_stays_while_the_next_model_is_fetched(cluster: Cluster) -> None:
    cluster.ask_for(scaled().that_is_asked_nothing().with_model(BF16))
    cluster.reconcile()
    assert ["HorizontalPodAutoscaler"] == list_kinds(cluster, AUTOSCALER)


def test_a_scaler_of_somebody_else_is_a_conflict() -> None:
    cluster = Cluster(scaled())
    cluster.gateway.put(AUTOSCALER, a_live_object("HorizontalPodAutoscaler", "nemotron"))
    cluster.reconcile()
    assert ("False", "NameConflict") == cluster.condition("Planned")


def test_what_keda_makes_for_itself_is_left_alone(cluster: Cluster) -> None:
    made = a_live_object(
        "HorizontalPodAutoscaler", "keda-hpa-nemotron", labels=cluster.find(AUTOSCALER)["metadata"]["labels"]
    )
    owner = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "name": "nemotron",
        "uid": "1",
        "controller": True,
    }
    cluster.gateway.put(AUTOSCALER, {**made, "metadata": {**made["metadata"], "ownerReferences": [owner]}})
    cluster.reconcile()
    assert 2 == len(list_kinds(cluster, AUTOSCALER))


def test_the_question_is_asked_when_the_least_number_serves() -> None:
    cluster = served(scaled(1))
    scale(cluster, 3)
    cluster.serve(3)
    pods = [
        body
        for (kind, _), body in cluster.gateway.objects.items()
        if kind is POD and body["metadata"]["name"][-1] in "12"
    ]
    for pod in pods:
        cluster.gateway.put(POD, merge(pod, {"status": {"conditions": []}}))
    assert ("create", "Job") in [(verb, kind) for verb, kind, _ in cluster.reconcile()]


def test_pods_that_would_start_on_a_volume_that_was_made_anew_are_scaled_by_nobody(cluster: Cluster) -> None:
    """A scaler would start again and again what cannot start before the download."""
    cluster.gateway.take(CLAIM, "team", cluster.find(CLAIM)["metadata"]["name"])
    cluster.gateway.put(POD, a_live_pod("nemotron-0", conditions=[NO_NODE]))
    written = cluster.reconcile()
    assert ["scale", "delete"] == [
        verb for verb, kind, _ in written if kind in {"HorizontalPodAutoscaler", "Deployment"}
    ]
    assert 0 == replicas_of(cluster)
    assert [] == list_kinds(cluster, AUTOSCALER)
