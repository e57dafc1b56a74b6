"""The network around a model on a real API server, with the real definitions of those who bring them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab.control_plane import ControlPlane
from lab.optional_apis import install_apis, remove_apis
from nemotron_operator.plan.names import name_certificate
from tests.support.cluster import Body, Namespace, RunningOperator, a_resource, wait_until

pytestmark = pytest.mark.usefixtures("operator")

APIS = ("gateway", "inference", "cert-manager")

GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "inference", "namespace": "gateways"}
CONTROLLER = "example.net/gateway-controller"
HOSTNAME = "nemotron.example.com"

NETWORK: dict[str, Any] = {
    "route": {"gateways": [{"name": "inference", "namespace": "gateways"}], "hostnames": [HOSTNAME]},
    "inferencePool": {"endpointPicker": {"serviceName": "picker"}},
    "networkPolicy": {"clients": [{"podLabels": {"app": "chat"}}]},
    "tls": {"certManager": {"issuerName": "platform-ca"}},
}

NAMED_ALIKE = (
    "httproute.gateway.networking.k8s.io",
    "inferencepool.inference.networking.k8s.io",
    "networkpolicy.networking.k8s.io",
)
"""Kinds of what is made of it and named like the resource."""

DISCOVERED_SECONDS = 60.0
"""The operator asks every 15 s which kinds there are."""


@pytest.fixture
def bare_plane(plane: ControlPlane) -> Iterator[ControlPlane]:
    """The cluster without what others bring to it, before and after."""
    remove_apis(plane, APIS)
    yield plane
    remove_apis(plane, APIS)


def a_condition(kind: str, generation: int, status: str = "True", reason: str = "Said", message: str = "") -> Body:
    said = {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": generation}
    return {**said, "lastTransitionTime": "2026-11-24T08:00:00Z"}


def tell(namespace: Namespace, kind: str, name: str, status: Body) -> None:
    """Write the status of an object, as its controller does."""
    patch = json.dumps({"status": status})
    namespace.kubectl("patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)


def answer(namespace: Namespace, kind: str, *conditions: tuple[str, str, str, str]) -> None:
    """Answer for the Gateway, as a gateway controller does."""
    live = namespace.get(kind, "nemotron")
    assert live is not None
    said = [a_condition(each[0], live["metadata"]["generation"], *each[1:]) for each in conditions]
    entry = {"parentRef": GATEWAY, "controllerName": CONTROLLER, "conditions": said}
    tell(namespace, kind, "nemotron", {"parents": [entry]})


def accept(namespace: Namespace, *kinds: str) -> None:
    for kind in kinds:
        answer(namespace, kind, ("Accepted", "True", "Accepted", ""), ("ResolvedRefs", "True", "ResolvedRefs", ""))


def find_certificate_name(namespace: Namespace) -> str:
    live = namespace.get("nemo", "nemotron")
    assert live is not None
    return name_certificate("nemotron", live["metadata"]["uid"])


def list_made(namespace: Namespace) -> dict[str, Body | None]:
    certificate = namespace.get("certificate.cert-manager.io", find_certificate_name(namespace))
    return {**{kind.split(".")[0]: namespace.get(kind, "nemotron") for kind in NAMED_ALIKE}, "certificate": certificate}


def assert_valid(namespace: Namespace, live: Body) -> None:
    """Let the API server hold what was sent against the definition, without tolerance for fields that it lacks."""
    metadata = {"name": "copy", "labels": live["metadata"]["labels"]}
    copy = {**{key: live[key] for key in ("apiVersion", "kind", "spec")}, "metadata": metadata}
    namespace.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=json.dumps(copy))


def count_rewrites(operator: RunningOperator) -> float:
    """Count how often the operator applied one of them anew, all resources together."""
    pattern = re.compile(
        r'api_requests_total\{.*kind="(HTTPRoute|InferencePool|Certificate|NetworkPolicy)",verb="PATCH"'
    )
    return sum(value for name, value in operator.read_metrics().items() if pattern.search(name))


def test_what_the_cluster_lacks_is_told_and_made_as_soon_as_it_is_there(
    namespace: Namespace, bare_plane: ControlPlane, operator: RunningOperator
) -> None:
    namespace.apply(a_resource(**NETWORK))
    routed = namespace.wait_for_reason("nemotron", "Routed", "ApiNotInstalled")
    certified = namespace.wait_for_reason("nemotron", "Certified", "ApiNotInstalled")
    namespace.wait_for_reason("nemotron", "Stalled", "ApiNotInstalled")
    assert ["This cluster does not know HTTPRoute", "This cluster does not know Certificate"] == [
        each["message"].split(":")[0] for each in (routed, certified)
    ]
    namespace.wait_for_reason("nemotron", "ModelCached", "Cached")
    assert [] == namespace.list("pod", "nemotron.dev/component=server")  # no GPU waits for a certificate

    install_apis(bare_plane, APIS)
    wait_until("all is made", lambda: all(list_made(namespace).values()), DISCOVERED_SECONDS)
    for live in list_made(namespace).values():
        assert live is not None
        assert_valid(namespace, live)
    namespace.wait_for_reason("nemotron", "Routed", "NotAccepted")
    namespace.wait_for_reason("nemotron", "Certified", "NotIssued")
    # Neither is a fault of the model: it serves meanwhile.
    status = namespace.wait_until_ready()["status"]
    assert "https://" in status["endpoint"]["url"]
    assert "hostnames" not in status["endpoint"]

    accept(namespace, "httproute", "inferencepool")
    ready = a_condition("Ready", 1, reason="Ready", message="Certificate is up to date")
    issued = {"conditions": [ready], "notAfter": "2027-02-22T08:00:00Z"}
    tell(namespace, "certificate", find_certificate_name(namespace), issued)
    namespace.wait_for_reason("nemotron", "Routed", "Accepted")
    namespace.wait_for_reason("nemotron", "Certified", "Issued")
    assert [HOSTNAME] == (namespace.get("nemo", "nemotron") or {})["status"]["endpoint"]["hostnames"]
    # What the API server filled in is nothing to write again.
    assert 0 == count_rewrites(operator)
    for kind in NAMED_ALIKE:
        namespace.change_until_repaired(kind)
    namespace.change_until_repaired("certificate.cert-manager.io", find_certificate_name(namespace))

    words = "No listeners included by this parent ref allowed this attachment."
    answer(namespace, "httproute", ("Accepted", "False", "NotAllowedByListeners", words))
    ready = namespace.wait_for_reason("nemotron", "Ready", "NotAccepted")
    assert f"{CONTROLLER} does not take HTTPRoute 'nemotron' for Gateway 'gateways/inference'" in ready["message"]
    assert words.rstrip(".") in ready["message"]
    namespace.wait_for_reason("nemotron", "Stalled", "NotAccepted")
    assert "hostnames" not in (namespace.get("nemo", "nemotron") or {})["status"]["endpoint"]

    accept(namespace, "httproute")
    namespace.wait_until_ready()
    namespace.patch("nemo", "nemotron", {"spec": dict.fromkeys(NETWORK)})
    wait_until("all is gone", lambda: not any(list_made(namespace).values()))
    status = namespace.wait_until_ready()["status"]
    assert not {"Routed", "Certified"} & {condition["type"] for condition in status["conditions"]}
    assert status["endpoint"]["url"].startswith("http://")


def test_a_policy_of_somebody_else_is_left_alone(namespace: Namespace) -> None:
    theirs = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "nemotron"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    namespace.apply(theirs)
    namespace.apply(a_resource(networkPolicy={}))
    planned = namespace.wait_for_reason("nemotron", "Planned", "NameConflict")
    assert "NetworkPolicy 'nemotron'" in planned["message"]
    live = namespace.get("networkpolicy", "nemotron")
    assert live is not None
    assert {} == live["spec"]["podSelector"]
