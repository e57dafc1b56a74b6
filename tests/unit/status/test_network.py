from dataclasses import replace

import pytest

from nemotron_operator.plan.names import name_certificate
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.network import find_network, list_hostnames
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_network import ObservedCertificate, ObservedNetwork, ObservedParent
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import UID
from tests.support.fixtures.plans import plan_cached

GATEWAYS = [{"name": "inference", "namespace": "gateways"}, {"name": "own", "sectionName": "https"}]
ROUTED = a_deployment().having("route", {"gateways": GATEWAYS, "hostnames": ["nemotron.example.com"]})
POOLED = ROUTED.having("inferencePool", {"endpointPicker": {"serviceName": "picker"}})
POOL_ALONE = a_deployment().having("inferencePool", {"endpointPicker": {"serviceName": "picker"}})
CERTIFIED = a_deployment().having("tls", {"certManager": {"issuerName": "platform-ca"}})

CERTIFICATE = name_certificate("nemotron", UID)

ENVOY = "gateway.envoyproxy.io/gatewayclass-controller"
SHARED = ObservedParent("inference", "gateways", None, ENVOY, "")
OWN = ObservedParent("own", "team", "https", ENVOY, "")
REFUSED = replace(SHARED, refusal="NotAllowedByListeners: No listeners included by this parent ref allowed this.")

Told = tuple[str, str, bool, str]


def tell(
    deployment: DeploymentBuilder, network: ObservedNetwork | None = None, missing: frozenset[str] = frozenset()
) -> dict[str, Told]:
    """Tell status, reason, whether a human is needed, and the words, by the condition's type."""
    planned = replace(plan_cached(deployment), missing_apis=missing)
    found = find_network(planned, Observation(network=network or ObservedNetwork()))
    return {
        judged.finding.type: (
            judged.finding.status,
            judged.finding.reason,
            judged.needs_human,
            judged.finding.message,
        )
        for judged in found
    }


def test_nothing_is_told_of_what_nobody_asks_for() -> None:
    assert {} == tell(a_deployment())
    assert {} == tell(a_deployment().having("tls", {"secretName": "our-tls"}).having("networkPolicy", {}))


@pytest.mark.parametrize(
    ("deployment", "kind", "condition", "words"),
    [
        (
            ROUTED,
            "HTTPRoute",
            "Routed",
            "install the Gateway API (gateway.networking.k8s.io/v1), or remove spec.route.",
        ),
        (
            POOLED,
            "InferencePool",
            "Routed",
            "the Gateway API inference extension (inference.networking.k8s.io/v1), or remove spec.inferencePool.",
        ),
        (CERTIFIED, "Certificate", "Certified", "install cert-manager (cert-manager.io/v1), or remove"),
    ],
    ids=["route", "pool", "certificate"],
)
def test_an_api_that_is_not_there_needs_a_human_and_the_way_out_is_told(
    deployment: DeploymentBuilder, kind: str, condition: str, words: str
) -> None:
    status, reason, needs_human, message = tell(deployment, missing=frozenset({kind}))[condition]
    assert ("False", "ApiNotInstalled", True) == (status, reason, needs_human)
    assert f"This cluster does not know {kind}" in message
    assert words in message


@pytest.mark.parametrize(
    ("deployment", "kind", "condition"), [(ROUTED, "HTTPRoute", "Routed"), (CERTIFIED, "Certificate", "Certified")]
)
def test_of_an_api_that_is_there_and_may_not_be_used_nobody_says_that_it_is_to_be_installed(
    deployment: DeploymentBuilder, kind: str, condition: str
) -> None:
    planned = replace(
        plan_cached(deployment), missing_apis=frozenset({kind}), forbidden_apis={kind: "Not allowed in 'blue'."}
    )
    found = [each.finding for each in find_network(planned, Observation()) if each.finding.type == condition]
    expected = f"This cluster has {kind}, and the operator may not use it: Not allowed in 'blue'."
    assert [("ApiNotInstalled", expected)] == [(finding.reason, finding.message) for finding in found]


@pytest.mark.parametrize(
    ("deployment", "network", "words"),
    [
        (ROUTED, ObservedNetwork(), "for Gateway 'gateways/inference'; `kubectl -n gateways get gateway inference`"),
        (ROUTED, ObservedNetwork(route=(SHARED,)), "for Gateway 'team/own'; `kubectl -n team get gateway own`"),
        (ROUTED, ObservedNetwork(route=(SHARED, replace(OWN, section_name=None))), "for Gateway 'team/own'"),
        (POOLED, ObservedNetwork(route=(SHARED, OWN), pool=()), "for InferencePool 'nemotron'"),
        (POOL_ALONE, ObservedNetwork(pool=()), "for InferencePool 'nemotron'; `kubectl get gatewayclass`"),
    ],
    ids=["nobody", "one is silent", "another listener", "a pool", "a pool without a route"],
)
def test_a_gateway_that_has_not_answered_is_waited_for(
    deployment: DeploymentBuilder, network: ObservedNetwork, words: str
) -> None:
    status, reason, needs_human, message = tell(deployment, network)["Routed"]
    assert ("False", "NotAccepted", False) == (status, reason, needs_human)
    assert f"No gateway controller has answered yet {words}" in message


@pytest.mark.parametrize(
    ("deployment", "network", "kind"),
    [
        (ROUTED, ObservedNetwork(route=(REFUSED, OWN)), "HTTPRoute"),
        (ROUTED, ObservedNetwork(route=(REFUSED,)), "HTTPRoute"),
        (POOLED, ObservedNetwork(route=(SHARED, OWN), pool=(REFUSED,)), "InferencePool"),
    ],
)
def test_a_refusal_is_told_in_the_controllers_own_words(
    deployment: DeploymentBuilder, network: ObservedNetwork, kind: str
) -> None:
    status, reason, needs_human, message = tell(deployment, network)["Routed"]
    assert ("False", "NotAccepted", True) == (status, reason, needs_human)
    assert f"{ENVOY} does not take {kind} 'nemotron' for Gateway 'gateways/inference': NotAllowedByListeners" in message
    assert "`kubectl -n gateways describe gateway inference`" in message


def test_what_all_take_is_accepted() -> None:
    network = ObservedNetwork(route=(SHARED, OWN), pool=(SHARED,))
    status, reason, needs_human, message = tell(POOLED, network)["Routed"]
    assert ("True", "Accepted", False) == (status, reason, needs_human)
    assert f"HTTPRoute and InferencePool accepted for gateways/inference, team/own by {ENVOY}." == message


def hostnames_of(deployment: DeploymentBuilder, network: ObservedNetwork) -> tuple[str, ...]:
    planned = plan_cached(deployment)
    assert isinstance(planned, ServingPlan)
    return list_hostnames(planned, Observation(network=network))


def test_host_names_are_told_once_they_lead_here() -> None:
    assert () == hostnames_of(ROUTED, ObservedNetwork(route=(SHARED,)))
    assert () == hostnames_of(CERTIFIED, ObservedNetwork())
    assert ("nemotron.example.com",) == hostnames_of(ROUTED, ObservedNetwork(route=(SHARED, OWN)))


@pytest.mark.parametrize(
    ("certificate", "needs_human", "words"),
    [
        (None, False, "cert-manager says: nothing yet."),
        (ObservedCertificate(words="Issuing certificate as Secret does not exist"), False, "as Secret"),
        (
            ObservedCertificate(has_failed=True, words="The certificate request has failed to complete."),
            True,
            "has failed",
        ),
    ],
)
def test_a_certificate_that_is_not_there_is_told_in_cert_managers_words(
    certificate: ObservedCertificate | None,
    needs_human: bool,  # noqa: FBT001 - a column of the table
    words: str,
) -> None:
    told = tell(CERTIFIED, ObservedNetwork(certificate=certificate))["Certified"]
    assert ("False", "NotIssued", needs_human) == told[:3]
    assert "Issuer 'platform-ca' has not issued the certificate" in told[3]
    assert words in told[3]
    assert f"`kubectl -n team describe certificate {CERTIFICATE}`" in told[3]


def test_a_certificate_that_is_there_is_told_with_its_end() -> None:
    issued = ObservedCertificate(is_issued=True, words="Certificate is up to date", expires_at="2027-02-22T08:00:00Z")
    told = tell(CERTIFIED, ObservedNetwork(certificate=issued))["Certified"]
    assert ("True", "Issued", False) == told[:3]
    assert f"The certificate in Secret {CERTIFICATE!r} is valid until 2027-02-22T08:00:00Z" in told[3]
