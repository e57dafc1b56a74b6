"""A queue that is asked for where nobody queues: nothing starts past the quota, and what serves goes on."""

import pytest

from nemotron_operator.cluster.kinds import DEPLOYMENT, JOB, LOCAL_QUEUE, NEMOTRON
from nemotron_operator.constants import QUEUE_LABEL
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.unit.test_reconcile import Cluster

FREE = a_deployment().that_is_asked_nothing()
QUEUED = FREE.having("queueName", "team-a")


def without_kueue(deployment: DeploymentBuilder) -> Cluster:
    cluster = Cluster(deployment)
    cluster.reconciler.view.platform.named_kinds = frozenset()
    return cluster


@pytest.mark.parametrize("deployment", [QUEUED, QUEUED.having("planPolicy", "Warn")])
def test_nothing_is_started_until_kueue_is_there(deployment: DeploymentBuilder) -> None:
    cluster = without_kueue(deployment)
    assert {"NemotronDeployment"} == {kind for _, kind, _ in cluster.reconcile()}
    assert ("False", "ApiNotInstalled") == cluster.condition("Planned") == cluster.condition("Ready")
    assert ("True", "ApiNotInstalled") == cluster.condition("Stalled")

    cluster.reconciler.view.platform.named_kinds = frozenset({LOCAL_QUEUE})
    cluster.reconcile()
    assert cluster.find(JOB)
    cluster.finish_download()
    cluster.reconcile()
    assert "team-a" == cluster.find(DEPLOYMENT)["metadata"]["labels"][QUEUE_LABEL]


def test_what_serves_goes_on_as_it_is_when_a_queue_is_asked_for_that_nobody_has() -> None:
    cluster = without_kueue(FREE)
    cluster.reconcile()
    cluster.finish_download()
    cluster.reconcile()
    cluster.serve()
    cluster.reconcile()
    before = cluster.find(DEPLOYMENT)

    cluster.ask_for(QUEUED.with_max_model_len(8192))
    cluster.reconcile()
    assert ("False", "ApiNotInstalled") == cluster.condition("Planned")
    assert before == cluster.find(DEPLOYMENT)
    assert 1 == cluster.find(NEMOTRON)["status"]["readyReplicas"]


def test_what_is_suspended_gives_its_gpus_back_all_the_same() -> None:
    cluster = without_kueue(FREE)
    cluster.reconcile()
    cluster.finish_download()
    cluster.reconcile()
    cluster.ask_for(QUEUED.suspended())
    assert ("scale", "Deployment", "nemotron") in cluster.reconcile()
