"""The pipeline where the network around a model changes: what still serves is told and let through as it is."""

import pytest

from nemotron_operator.cluster.kinds import (
    CERTIFICATE,
    DEPLOYMENT,
    INFERENCE_POOL,
    LEADER_WORKER_SET,
    NEMOTRON,
    NETWORK_POLICY,
    OPTIONAL_KINDS,
    SERVICE,
)
from tests.support.fixtures.deployments import BF16, DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import child_labels
from tests.support.network_rules import Pod, admits
from tests.unit.test_reconcile import Cluster
from tests.unit.test_reconcile_groups import ONE_NODE, TWO_NODES, cached

OPEN = a_deployment().that_is_asked_nothing()
ENCRYPTED = OPEN.having("tls", {"secretName": "our-tls"})
CERTIFIED = OPEN.having("tls", {"certManager": {"issuerName": "ca"}})

HTTP, HTTPS = ("http", "http"), ("https", "https")


def told(cluster: Cluster) -> tuple[str, str]:
    """Tell the protocol that the Service and the status say."""
    (port,) = cluster.find(SERVICE)["spec"]["ports"]
    return port["appProtocol"], cluster.find(NEMOTRON)["status"]["endpoint"]["url"].split(":")[0]


def another_model(deployment: DeploymentBuilder) -> DeploymentBuilder:
    return deployment.with_model(BF16).with_tensor(8)


def serving(deployment: DeploymentBuilder) -> Cluster:
    cluster = Cluster(deployment)
    cluster.reconcile()
    cluster.finish_download()
    cluster.reconcile()
    cluster.serve()
    cluster.reconcile()
    return cluster


def test_before_anything_serves_it_is_what_is_asked_for() -> None:
    cluster = Cluster(ENCRYPTED)
    cluster.reconcile()
    assert HTTPS == told(cluster)


def test_http_is_told_while_nobody_can_make_the_certificate() -> None:
    cluster = serving(OPEN)
    cluster.reconciler.view.platform.served_kinds = frozenset(OPTIONAL_KINDS) - {CERTIFICATE}
    cluster.ask_for(CERTIFIED)
    cluster.reconcile()
    assert ("False", "ApiNotInstalled") == cluster.condition("Certified")
    assert HTTP == told(cluster)

    cluster.reconciler.view.platform.served_kinds = frozenset(OPTIONAL_KINDS)
    cluster.reconcile()
    assert HTTPS == told(cluster)
    assert [] == [kind for _, kind, _ in cluster.reconcile() if kind in {"Service", "NemotronDeployment"}]


def test_a_kind_that_may_not_be_used_is_told_with_the_words_of_who_forbids_it() -> None:
    cluster = serving(OPEN)
    platform = cluster.reconciler.view.platform
    platform.served_kinds = frozenset(OPTIONAL_KINDS) - {CERTIFICATE}
    platform.forbidden_kinds = {CERTIFICATE: "Not allowed in 'blue'."}
    cluster.ask_for(CERTIFIED)
    cluster.reconcile()
    (told,) = [each for each in cluster.find(NEMOTRON)["status"]["conditions"] if each["type"] == "Certified"]
    assert "the operator may not use it: Not allowed in 'blue'." in told["message"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(OPEN, ENCRYPTED, HTTP), (ENCRYPTED, OPEN, HTTPS)],
    ids=["HTTPS comes", "HTTPS goes"],
)
def test_what_serves_is_told_while_another_model_is_fetched(
    before: DeploymentBuilder, after: DeploymentBuilder, expected: tuple[str, str]
) -> None:
    cluster = serving(before)
    template = cluster.find(DEPLOYMENT)["spec"]["template"]
    cluster.ask_for(another_model(after))
    cluster.reconcile()
    assert template == cluster.find(DEPLOYMENT)["spec"]["template"]
    assert expected == told(cluster)


def test_a_pool_leads_to_what_serves_until_the_pods_with_another_port_are_made() -> None:
    pooled = OPEN.having("inferencePool", {"endpointPicker": {"serviceName": "picker"}})
    cluster = serving(pooled)
    cluster.ask_for(another_model(pooled).having("service.port", 9000))
    cluster.reconcile()
    assert [{"number": 8000}] == cluster.find(INFERENCE_POOL)["spec"]["targetPorts"]

    cluster.ask_for(pooled.having("service.port", 9000))
    cluster.reconcile()
    assert [{"number": 9000}] == cluster.find(INFERENCE_POOL)["spec"]["targetPorts"]


def test_a_group_that_serves_is_let_through_while_another_model_is_fetched_for_one_node() -> None:
    cluster = cached(TWO_NODES.having("networkPolicy", {}))
    cluster.serve_groups()
    cluster.reconcile()
    cluster.ask_for(another_model(ONE_NODE).having("networkPolicy", {}))
    cluster.reconcile()
    assert cluster.find(LEADER_WORKER_SET)
    worker, leader = Pod(child_labels(component="worker")), Pod(child_labels())
    assert admits(cluster.find(NETWORK_POLICY), worker, leader, 29_500)
    assert admits(cluster.find(NETWORK_POLICY), leader, worker, 29_500)
