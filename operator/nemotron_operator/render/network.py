"""Render what is around the Service."""

from collections.abc import Mapping
from typing import Any

from nemotron_operator.api.networking import GatewayReference, NetworkPeer
from nemotron_operator.constants import COMPONENT_LABEL, DEPLOYMENT_LABEL, SERVER_PORT_NAME
from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.child import render_child
from nemotron_operator.render.metadata import (
    ADAPTER_COMPONENT,
    SERVER_COMPONENT,
    VERIFICATION_COMPONENT,
    select_group_pods,
    select_pods,
)

ASKING_COMPONENTS = (ADAPTER_COMPONENT, "batch", VERIFICATION_COMPONENT)
"""Components of the Jobs that speak with an engine."""


def render_network_policy(plan: ServingPlan) -> dict[str, Any] | None:
    """Render who may connect; None where the namespace decides."""
    if plan.network.peers is None:
        return None
    components = {"key": COMPONENT_LABEL, "operator": "In", "values": list(ASKING_COMPONENTS)}
    own_jobs = {"matchLabels": {DEPLOYMENT_LABEL: plan.identity.name}, "matchExpressions": [components]}
    return render_child(
        "network_policy",
        plan,
        SERVER_COMPONENT,
        serving_pods=select_group_pods(plan.identity),
        peers=[{"podSelector": own_jobs}, *map(_render_peer, plan.network.peers)],
        # By its name: pods of another revision may have another number.
        port_name=SERVER_PORT_NAME,
    )


def _render_peer(peer: NetworkPeer) -> dict[str, Any]:
    """Render a peer; without labels of namespaces it is in the policy's own."""
    pods = {"podSelector": {"matchLabels": peer.pod_labels} if peer.pod_labels else {}}
    if not peer.namespace_labels:
        return pods
    return {"namespaceSelector": {"matchLabels": peer.namespace_labels}, **pods}


def render_certificate(plan: ServingPlan) -> dict[str, Any] | None:
    """Render the certificate that cert-manager is asked for; None where a Secret holds it."""
    tls = plan.network.tls
    if tls is None or tls.issuer is None or "Certificate" in plan.missing_apis:
        return None
    return render_child("certificate", plan, SERVER_COMPONENT, tls=tls)


def render_route(plan: ServingPlan) -> dict[str, Any] | None:
    """Render the way from the Gateways; None where none is asked for."""
    route = plan.network.route
    if route is None or "HTTPRoute" in plan.missing_apis:
        return None
    parents = [_render_parent(gateway) for gateway in route.gateways]
    return render_child("route", plan, SERVER_COMPONENT, parents=parents, backend=_render_backend(plan))


def _render_parent(gateway: GatewayReference) -> dict[str, str]:
    return {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": gateway.name,
        **({"namespace": gateway.namespace} if gateway.namespace else {}),
        **({"sectionName": gateway.section_name} if gateway.section_name else {}),
    }


def _render_backend(plan: ServingPlan) -> dict[str, Any]:
    """Render where the route leads: past the Service where a picker chooses the replica."""
    name = plan.identity.name
    if plan.network.inference_pool is not None:
        return {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": name}
    return {"group": "", "kind": "Service", "name": name, "port": plan.engine.port}


def render_inference_pool(plan: ServingPlan, rollout: RolloutPlan | None = None) -> dict[str, Any] | None:
    """Render the pool over the replicas; None where none is asked for.

    Parameters
    ----------
    rollout
        Which pods shall serve; None before all files are there.
    """
    pool = plan.network.inference_pool
    if pool is None or "InferencePool" in plan.missing_apis:
        return None
    selector, picker = select_pods(plan.identity), pool.endpoint_picker
    port = _find_serving_port(plan, rollout)
    return render_child("inference_pool", plan, SERVER_COMPONENT, selector=selector, port=port, picker=picker)


def _find_serving_port(plan: ServingPlan, rollout: RolloutPlan | None) -> int:
    """Find the port of the pods that serve: a pool takes no name, and has one number for all revisions.

    It is that of the pods to come as soon as one of them is ready, and of those that go until then.
    """
    wanted = plan.network.live_port if rollout is None else read_server_port(rollout.pod_template)
    ready = plan.network.ready_ports
    if ready and wanted not in ready:
        return ready[0]
    return wanted or plan.engine.port


def read_server_port(template: Mapping[str, Any]) -> int | None:
    """Read on which port the pods of a template serve; None where none of theirs has the name."""
    containers = (template.get("spec") or {}).get("containers") or []
    ports = (port for container in containers for port in container.get("ports") or [])
    return next((int(port["containerPort"]) for port in ports if port.get("name") == SERVER_PORT_NAME), None)
