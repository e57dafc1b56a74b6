"""Plan the network around a model."""

from nemotron_operator.api.networking import NetworkPeer, TlsSpec
from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.plan.facts import LiveTls
from nemotron_operator.plan.names import list_service_names, name_certificate
from nemotron_operator.plan.network_plan import NetworkPlan, TlsPlan
from nemotron_operator.plan.request import PlanRequest

_NOBODY_MAY_CONNECT = (
    "Its NetworkPolicy admits only the operator's own Jobs: neither networkPolicy of the operator's configuration nor "
    "spec.networkPolicy.clients names anybody."
)


def plan_network(request: PlanRequest) -> NetworkPlan:
    """Plan what is around the Service."""
    peers, tls = _plan_peers(request), plan_tls(request.spec.tls, request.identity)
    return NetworkPlan(
        route=request.spec.route,
        inference_pool=request.spec.inference_pool,
        peers=peers,
        tls=tls,
        serving_tls=find_serving_tls(tls, request.identity, request.facts.live_tls),
        live_port=request.facts.live_port,
        ready_ports=request.facts.ready_ports,
        doubts=(_NOBODY_MAY_CONNECT,) if peers == () else (),
    )


def plan_tls(tls: TlsSpec | None, identity: Identity) -> TlsPlan | None:
    """Plan where the certificate comes from; None where the engines serve HTTP."""
    if tls is None:
        return None
    return TlsPlan(
        secret_name=tls.secret_name or name_certificate(identity.name, identity.uid),
        issuer=tls.cert_manager,
        dns_names=list_service_names(identity.name, identity.namespace),
    )


def find_serving_tls(tls: TlsPlan | None, identity: Identity, live: LiveTls | None) -> TlsPlan | None:
    """Find with which certificate the pods serve that are there; None where they serve HTTP.

    Parameters
    ----------
    tls
        What is planned, which counts where nothing serves.
    """
    if live is None:
        return tls
    if live.secret_name is None:
        return None
    return TlsPlan(live.secret_name, issuer=None, dns_names=list_service_names(identity.name, identity.namespace))


def _plan_peers(request: PlanRequest) -> tuple[NetworkPeer, ...] | None:
    """Admit the platform's peers, then the resource's."""
    if request.spec.network_policy is None:
        return None
    platform = request.config.network_policy
    return (*platform.gateways, *platform.monitoring, *request.spec.network_policy.clients)
