from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from nemotron_operator.api.networking import NetworkPeer
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.config import NetworkPolicyConfig, OperatorConfig
from nemotron_operator.plan.facts import Facts, LiveTls
from nemotron_operator.plan.names import name_certificate
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.adapter_list import render_adapter_list_job
from nemotron_operator.render.manifests import Manifest, Manifests, render
from nemotron_operator.render.network import render_network_policy
from nemotron_operator.render.revision_record import begin_rollout
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.observation import Observation
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.live_objects import UID, child_labels
from tests.support.fixtures.plans import (
    CONFIG,
    facts_when_cached,
    plan,
    plan_cached,
    render_cached,
    render_serving,
    server_pod_of,
    verify_job_of,
)
from tests.support.network_rules import Pod, admits
from tests.unit.plan.test_adapters import SQL, facts_with_adapters, live

PLATFORM = NetworkPolicyConfig(
    gateways=(NetworkPeer(namespace_labels={"kubernetes.io/metadata.name": "gateways"}, pod_labels={"app": "envoy"}),),
    monitoring=(NetworkPeer(namespace_labels={"team": "observability"}),),
)
CONFIG_OF_PLATFORM: OperatorConfig = CONFIG.model_copy(update={"network_policy": PLATFORM})

CLOSED = a_deployment().having("networkPolicy", {"clients": [{"podLabels": {"app": "chat"}}]})
ROUTED = a_deployment().having("route", {"gateways": [{"name": "inference", "namespace": "gateways"}]})
POOLED = ROUTED.having("inferencePool", {"endpointPicker": {"serviceName": "picker"}})
ENCRYPTED = a_deployment().having("tls", {"secretName": "our-tls"})
CERTIFIED = a_deployment().having("tls", {"certManager": {"issuerName": "ca", "issuerKind": "ClusterIssuer"}})

CERTIFICATE = name_certificate("nemotron", UID)

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)

ENGINE_PORT, PROBE_PORT = 8000, 8088

SERVER = Pod(child_labels(), ports={"http": ENGINE_PORT})
WORKER = Pod(child_labels(component="worker"))


def policy_of(deployment: DeploymentBuilder = CLOSED) -> Manifest:
    policy = render_network_policy(plan(deployment, facts_when_cached(deployment), CONFIG_OF_PLATFORM))
    assert policy is not None
    return policy


def route_of(deployment: DeploymentBuilder) -> Manifest:
    route = render_cached(deployment).route
    assert route is not None
    return route


def render_without(deployment: DeploymentBuilder, *kinds: str) -> Manifests:
    facts = replace(facts_when_cached(deployment), missing_apis=frozenset(kinds))
    return render(plan(deployment, facts))


@pytest.mark.parametrize(
    "source",
    [
        Pod({"app": "envoy"}, "gateways"),
        Pod({"app": "prometheus"}, "monitoring", {"team": "observability"}),
        Pod({"app": "chat"}),
        Pod(child_labels(component="verification")),
        Pod(child_labels(component="batch")),
        Pod(child_labels(component="adapter")),
    ],
    ids=["gateway", "monitoring", "client", "verification", "batch", "adapter"],
)
def test_whoever_is_named_and_the_operators_jobs_reach_the_engine_and_no_other_port(source: Pod) -> None:
    assert admits(policy_of(), source, SERVER, ENGINE_PORT)
    assert not admits(policy_of(), source, SERVER, PROBE_PORT)


@pytest.mark.parametrize(
    "source",
    [
        Pod({"app": "anything"}),
        Pod({"app": "chat"}, "elsewhere"),
        Pod({"app": "envoy"}),
        Pod({"app": "other"}, "gateways"),
        Pod(child_labels("another", "verification")),
        Pod(child_labels(component="verification"), "elsewhere"),
        Pod(child_labels(component="cache")),
        Pod(child_labels("another")),
    ],
    ids=[
        "a pod of the namespace",
        "a client's namesake elsewhere",
        "a gateway's namesake here",
        "another pod beside the gateway",
        "another resource's Job",
        "a Job's namesake elsewhere",
        "the Job that fetches",
        "a replica of another resource",
    ],
)
def test_everybody_else_is_kept_out(source: Pod) -> None:
    assert not admits(policy_of(), source, SERVER, ENGINE_PORT)


def test_an_engine_on_several_nodes_talks_to_itself_on_every_port_also_once_one_node_is_asked_for() -> None:
    """It serves until the new one may start, and again where that fails."""
    policy = policy_of()
    assert admits(policy, SERVER, WORKER, 29_500)
    assert admits(policy, WORKER, SERVER, 29_500)
    for stranger in (Pod({"app": "anything"}), Pod(child_labels("another")), replace(SERVER, namespace="elsewhere")):
        assert not admits(policy, stranger, WORKER, 29_500)
        assert not admits(policy, stranger, SERVER, 29_500)


def test_the_jobs_themselves_are_left_alone() -> None:
    """The operator asks the one that fetches how far it is."""
    fetching = Pod(child_labels(component="cache"))
    assert admits(policy_of(), Pod({"app": "operator"}, "nemotron-system"), fetching, 8001)


def test_pods_of_a_revision_with_another_port_are_reached_as_well() -> None:
    older = replace(SERVER, ports={"http": 9000})
    assert admits(policy_of(), Pod({"app": "chat"}), older, 9000)


def test_a_peer_without_labels_is_every_pod_of_the_namespace() -> None:
    policy = policy_of(a_deployment().having("networkPolicy", {"clients": [{}]}))
    assert admits(policy, Pod({"app": "anything"}), SERVER, ENGINE_PORT)
    assert not admits(policy, Pod({"app": "anything"}, "elsewhere"), SERVER, ENGINE_PORT)


def test_a_policy_that_names_nobody_admits_the_jobs_alone_and_the_plan_says_so() -> None:
    alone = plan_cached(a_deployment().having("networkPolicy", {}))
    policy = render_network_policy(alone)
    assert policy is not None
    assert admits(policy, Pod(child_labels(component="verification")), SERVER, ENGINE_PORT)
    assert not admits(policy, Pod({"app": "chat"}), SERVER, ENGINE_PORT)
    assert any("admits only the operator's own Jobs" in doubt for doubt in alone.network.doubts)
    assert () == plan_cached(CLOSED).network.doubts


def test_a_route_leads_to_the_paths_that_the_key_guards_and_never_ends_an_answer() -> None:
    (rule,) = route_of(ROUTED)["spec"]["rules"]
    assert [{"path": {"type": "PathPrefix", "value": "/v1"}}] == rule["matches"]
    assert {"request": "0s"} == rule["timeouts"]
    assert [{"group": "", "kind": "Service", "name": "nemotron", "port": ENGINE_PORT}] == rule["backendRefs"]


def test_a_route_leads_past_the_service_to_a_pool() -> None:
    (rule,) = route_of(POOLED)["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    assert ("InferencePool", "nemotron", False) == (backend["kind"], backend["name"], "port" in backend)


def test_a_route_names_listener_and_namespace_only_where_the_resource_does() -> None:
    listener = {"name": "inference", "namespace": "gateways", "sectionName": "https"}
    spec = route_of(a_deployment().having("route", {"gateways": [{"name": "own"}, listener]}))["spec"]
    shared = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
    assert [{**shared, "name": "own"}, {**shared, **listener}] == spec["parentRefs"]
    assert "hostnames" not in spec


def test_a_pool_holds_the_pods_that_serve_on_the_engines_port() -> None:
    pool = render_cached(POOLED.having("service.port", 9000)).inference_pool
    assert pool is not None
    service = render_cached(POOLED).service
    assert service["spec"]["selector"] == pool["spec"]["selector"]["matchLabels"]
    assert [{"number": 9000}] == pool["spec"]["targetPorts"]
    picker = {"name": "picker", "port": {"number": 9002}, "failureMode": "FailOpen"}
    assert picker == pool["spec"]["endpointPickerRef"]


def test_a_pool_leads_to_the_port_of_the_pods_that_were_taken_back() -> None:
    wanted, before = plan_cached(POOLED.having("service.port", 9000)), begin_rollout(plan_cached(POOLED))
    pool = render(wanted, before).inference_pool
    assert pool is not None
    assert [{"number": ENGINE_PORT}] == pool["spec"]["targetPorts"]


@pytest.mark.parametrize(("live_port", "expected"), [(ENGINE_PORT, ENGINE_PORT), (None, 9000)])
def test_while_the_next_model_is_fetched_a_pool_leads_to_what_serves(live_port: int | None, expected: int) -> None:
    pool = render(plan(POOLED.having("service.port", 9000), Facts(live_port=live_port))).inference_pool
    assert pool is not None
    assert [{"number": expected}] == pool["spec"]["targetPorts"]


@pytest.mark.parametrize(
    ("ready_ports", "expected"),
    [((ENGINE_PORT,), ENGINE_PORT), ((ENGINE_PORT, 9000), 9000), ((), 9000)],
    ids=["while the new ones load", "as soon as one of them is ready", "where none is ready"],
)
def test_during_a_rollout_a_pool_leads_to_pods_that_are_ready(ready_ports: tuple[int, ...], expected: int) -> None:
    wanted = POOLED.having("service.port", 9000)
    facts = replace(facts_when_cached(wanted), ready_ports=ready_ports)
    pool = render(plan(wanted, facts)).inference_pool
    assert pool is not None
    assert [{"number": expected}] == pool["spec"]["targetPorts"]


def test_what_nobody_asks_for_is_not_made() -> None:
    made = render_cached(a_deployment())
    assert [None] * 4 == [made.network_policy, made.certificate, made.inference_pool, made.route]


def test_what_the_api_server_does_not_know_is_not_made() -> None:
    deployment = POOLED.having("tls", {"certManager": {"issuerName": "ca"}})
    made = render_without(deployment, "HTTPRoute", "InferencePool", "Certificate")
    assert [None] * 3 == [made.certificate, made.inference_pool, made.route]


def test_no_gpu_is_taken_where_nobody_can_make_the_certificate() -> None:
    assert render_without(CERTIFIED, "Certificate").server is None
    assert render_without(ENCRYPTED).server is not None
    assert render_without(POOLED, "HTTPRoute", "InferencePool").server is not None


def test_a_certificate_is_asked_for_all_names_of_the_service() -> None:
    certificate = render_cached(CERTIFIED).certificate
    assert certificate is not None
    assert {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "ca"} == certificate["spec"]["issuerRef"]
    assert CERTIFICATE == certificate["metadata"]["name"] == certificate["spec"]["secretName"]
    names = ["nemotron", "nemotron.team", "nemotron.team.svc", "nemotron.team.svc.cluster.local"]
    assert names == certificate["spec"]["dnsNames"]
    assert plan_cached(CERTIFIED).base_url.split("/")[2].split(":")[0] in names


def mounts_of(pod: Manifest, volume: str = "tls") -> dict[str, dict[str, Any]]:
    """Find which containers mount a volume, and how."""
    containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    return {
        each["name"]: mount for each in containers for mount in each.get("volumeMounts", []) if mount["name"] == volume
    }


def secret_of(pod: Manifest) -> dict[str, Any]:
    (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == "tls"]
    secret: dict[str, Any] = volume["secret"]
    return secret


@pytest.mark.parametrize(("deployment", "secret"), [(ENCRYPTED, "our-tls"), (CERTIFIED, CERTIFICATE)])
def test_the_engine_alone_reads_the_key_and_takes_a_renewed_certificate(
    deployment: DeploymentBuilder, secret: str
) -> None:
    pod = server_pod_of(render_cached(deployment))
    assert {"vllm"} == set(mounts_of(pod))
    assert mounts_of(pod)["vllm"]["readOnly"]
    assert (secret, 0o440) == (secret_of(pod)["secretName"], secret_of(pod)["defaultMode"])
    assert ["tls.crt", "tls.key"] == [item["key"] for item in secret_of(pod)["items"]]
    (engine,) = pod["spec"]["containers"]
    assert {"--ssl-certfile=/tls/tls.crt", "--ssl-keyfile=/tls/tls.key", "--enable-ssl-refresh"} <= set(engine["args"])
    assert {"name": "WATCHFILES_FORCE_POLLING", "value": "true"} in engine["env"]


@pytest.mark.parametrize("deployment", [ENCRYPTED, CERTIFIED])
def test_the_question_is_put_over_https_by_who_never_sees_the_key(deployment: DeploymentBuilder) -> None:
    pod = verify_job_of(render_serving(deployment))["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert "--base-url=https://nemotron.team.svc:8000/v1" in container["args"]
    assert f"--trusted-certificates={mounts_of(pod)['verify']['mountPath']}" in container["args"]
    assert ["tls.crt", "ca.crt"] == [item["key"] for item in secret_of(pod)["items"]]
    assert secret_of(pod)["optional"]
    assert secret_of(server_pod_of(render_cached(deployment)))["secretName"] == secret_of(pod)["secretName"]


def test_a_secret_of_the_users_that_is_missing_is_told_by_the_kubelet() -> None:
    """A volume that waits is told in an event alone; a variable that cannot be filled stands in the pod's status."""
    pod = server_pod_of(render_cached(ENCRYPTED))
    (probe,) = [each for each in pod["spec"]["initContainers"] if each["name"] == "probe"]
    reference = {"secretKeyRef": {"name": "our-tls", "key": "tls.crt"}}
    assert [reference] == [each["valueFrom"] for each in probe["env"] if "valueFrom" in each]
    assert secret_of(pod)["optional"]
    assert "optional" not in secret_of(server_pod_of(render_cached(CERTIFIED)))


def test_the_service_says_what_it_speaks() -> None:
    protocols = [render_cached(each).service["spec"]["ports"][0]["appProtocol"] for each in (a_deployment(), ENCRYPTED)]
    assert ["http", "https"] == protocols
    assert "https://nemotron.team.svc:8000/v1" == plan_cached(ENCRYPTED).base_url


def test_a_revision_that_was_taken_back_is_spoken_with_as_it_serves() -> None:
    """The spec asks for HTTPS, and what serves in its place is of the time before."""
    wanted, before = plan_cached(ENCRYPTED), begin_rollout(plan_cached(a_deployment()))
    service = render(wanted, before).service
    status = compute_status(wanted, Observation(), before.revision, NemotronDeploymentStatus(), NOW, before)
    assert "http" == service["spec"]["ports"][0]["appProtocol"]
    assert status.endpoint is not None
    assert "http://nemotron.team.svc:8000/v1" == status.endpoint.url


def plan_beside(live_tls: LiveTls | None, deployment: DeploymentBuilder) -> ServingPlan:
    """Plan where something serves, of whatever spec."""
    return plan(deployment, replace(facts_with_adapters(deployment), live_tls=live_tls))


@pytest.mark.parametrize(
    ("live_tls", "tls", "scheme", "secret"),
    [
        (None, {"secretName": "our-tls"}, "https", "our-tls"),
        (None, None, "http", None),
        (LiveTls(None), {"secretName": "our-tls"}, "http", None),
        (LiveTls("our-tls"), None, "https", "our-tls"),
        (LiveTls("old-tls"), {"secretName": "our-tls"}, "https", "old-tls"),
    ],
    ids=["nothing serves", "nothing serves openly", "HTTP serves", "HTTPS serves", "another certificate serves"],
)
def test_what_serves_is_asked_as_it_serves(
    live_tls: LiveTls | None, tls: dict[str, str] | None, scheme: str, secret: str | None
) -> None:
    """The Job asks whoever serves, and what is asked for may not, yet or any more."""
    planned = plan_beside(live_tls, live(SQL).having("tls", tls))
    assert planned.adapter_list is not None
    pod = render_adapter_list_job(planned, planned.adapter_list)["spec"]["template"]["spec"]
    (asking,) = pod["containers"]
    assert f"--base-url={scheme}://nemotron.team.svc:8000/v1" in asking["args"]
    assert (secret is not None) == ("--trusted-certificates=/tls" in asking["args"])
    secrets = [each["secret"]["secretName"] for each in pod["volumes"] if each["name"] == "tls"]
    assert ([] if secret is None else [secret]) == secrets


def test_without_encryption_nothing_of_it_is_in_a_pod() -> None:
    manifests = render_serving(a_deployment())
    for pod in (server_pod_of(manifests), verify_job_of(manifests)["spec"]["template"]):
        assert "tls" not in str(pod["spec"].get("volumes"))
        assert "ssl" not in str([each["args"] for each in pod["spec"]["containers"]])


def test_a_pod_tells_prometheus_that_it_serves_https_and_says_nothing_where_it_does_not() -> None:
    encrypted, plain = (server_pod_of(render_cached(each)) for each in (ENCRYPTED, a_deployment()))
    assert "https" == encrypted["metadata"]["annotations"]["prometheus.io/scheme"]
    assert "prometheus.io/scheme" not in plain["metadata"]["annotations"]
