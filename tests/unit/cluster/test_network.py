from typing import Any

import pytest

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import CERTIFICATE, HTTP_ROUTE, INFERENCE_POOL, NETWORK_POLICY, ApiKind
from nemotron_operator.cluster.network import list_network_objects, observe_network
from nemotron_operator.plan.names import name_certificate
from nemotron_operator.status.observed_network import ObservedCertificate, ObservedNetwork, ObservedParent
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import UID, a_live_object, condition

IDENTITY = a_deployment().parsed.identity
CERTIFICATE_NAME = name_certificate("nemotron", UID)
CONTROLLER = "example.net/gateway-controller"
GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "inference", "namespace": "gateways"}
ACCEPTED = ObservedParent("inference", "gateways", None, CONTROLLER, "")


def an_entry(*conditions: dict[str, Any], parent: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"parentRef": parent or GATEWAY, "controllerName": CONTROLLER, "conditions": list(conditions)}


def observe(kind: ApiKind, status: dict[str, Any], generation: int = 1, name: str = "nemotron") -> ObservedNetwork:
    live = a_live_object(kind.name, name, status=status)
    live["metadata"]["generation"] = generation
    cache = ObjectCache()
    cache.upsert(kind, live)
    return observe_network(IDENTITY, cache)


def seen(condition_: dict[str, Any], generation: int) -> dict[str, Any]:
    return {**condition_, "observedGeneration": generation}


def test_what_is_not_there_is_not_observed() -> None:
    assert ObservedNetwork() == observe_network(IDENTITY, ObjectCache())


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (an_entry(condition("Accepted"), condition("ResolvedRefs")), (ACCEPTED,)),
        (an_entry(condition("Accepted")), (ACCEPTED,)),
        (an_entry(seen(condition("Accepted"), 1)), ()),
        (an_entry(seen(condition("Accepted"), 2)), (ACCEPTED,)),
        (an_entry(), ()),
        (an_entry(condition("Accepted", "Unknown", "Pending", "Waiting for controller")), ()),
        (an_entry(condition("Accepted"), parent={"kind": "Status", "name": "default"}), ()),
        (
            an_entry(condition("Accepted"), parent={"name": "own", "sectionName": "https"}),
            (ObservedParent("own", "team", "https", CONTROLLER, ""),),
        ),
        (
            an_entry(condition("Accepted", "False", "NotAllowedByListeners", "No listener allows it.")),
            (
                ObservedParent(
                    "inference", "gateways", None, CONTROLLER, "NotAllowedByListeners: No listener allows it."
                ),
            ),
        ),
        (
            an_entry(condition("Accepted"), condition("ResolvedRefs", "False", "BackendNotFound")),
            (ObservedParent("inference", "gateways", None, CONTROLLER, "BackendNotFound: no more is said"),),
        ),
    ],
    ids=[
        "accepted",
        "accepted without a word of references",
        "of an older spec",
        "of this spec",
        "empty",
        "pending",
        "nobody's",
        "of a listener here",
        "refused",
        "unresolved",
    ],
)
@pytest.mark.parametrize("kind", [HTTP_ROUTE, INFERENCE_POOL], ids=lambda kind: kind.name)
def test_a_controllers_answer_is_read(
    kind: ApiKind, entry: dict[str, Any], expected: tuple[ObservedParent, ...]
) -> None:
    observed = observe(kind, {"parents": [entry]}, generation=2)
    assert expected == (observed.route if kind is HTTP_ROUTE else observed.pool)


def test_a_route_that_nobody_has_looked_at_has_no_answers() -> None:
    assert () == observe(HTTP_ROUTE, {}).route


WAITING = condition("Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, ObservedCertificate()),
        ({"conditions": [WAITING]}, ObservedCertificate(words=WAITING["message"])),
        (
            {
                "conditions": [WAITING, condition("Issuing", "False", "Failed", "Referenced issuer is not ready")],
                "failedIssuanceAttempts": 1,
            },
            ObservedCertificate(has_failed=True, words="Referenced issuer is not ready"),
        ),
        (
            {"conditions": [condition("Ready", message="up to date")], "notAfter": "2027-02-22T08:00:00Z"},
            ObservedCertificate(is_issued=True, words="up to date", expires_at="2027-02-22T08:00:00Z"),
        ),
        (
            {"conditions": [seen(condition("Ready", message="up to date"), 1)]},
            ObservedCertificate(words="up to date"),
        ),
    ],
    ids=["silent", "waiting", "failed", "issued", "issued for an older spec"],
)
def test_what_cert_manager_says_is_read(status: dict[str, Any], expected: ObservedCertificate) -> None:
    assert expected == observe(CERTIFICATE, status, generation=2, name=CERTIFICATE_NAME).certificate


def test_names_are_looked_up_that_the_resource_asks_for_and_the_cluster_knows() -> None:
    everything = (
        a_deployment()
        .having("route", {"gateways": [{"name": "inference"}]})
        .having("inferencePool", {"endpointPicker": {"serviceName": "picker"}})
        .having("networkPolicy", {})
        .having("tls", {"certManager": {"issuerName": "ca"}})
        .parsed
    )
    served = frozenset({HTTP_ROUTE, INFERENCE_POOL, CERTIFICATE})
    own = [(NETWORK_POLICY, "nemotron")]
    optional = [(HTTP_ROUTE, "nemotron"), (INFERENCE_POOL, "nemotron"), (CERTIFICATE, CERTIFICATE_NAME)]
    assert own + optional == list_network_objects(everything, served)
    assert own == list_network_objects(everything, frozenset())
    assert [] == list_network_objects(a_deployment().parsed, served)
