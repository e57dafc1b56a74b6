"""Live objects of the network to what their controllers say of them. Pure: what it reads was fetched before."""

from collections.abc import Iterator, Mapping
from typing import Any

from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment
from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache
from nemotron_operator.cluster.kinds import CERTIFICATE, HTTP_ROUTE, INFERENCE_POOL, NETWORK_POLICY, ApiKind
from nemotron_operator.cluster.observation import find_condition
from nemotron_operator.plan.names import name_certificate
from nemotron_operator.status.observed_network import ObservedCertificate, ObservedNetwork, ObservedParent

NO_CONTROLLER = "unknown"
"""The controller that does not say which it is."""


def list_network_objects(deployment: ParsedDeployment, served_kinds: frozenset[ApiKind]) -> list[tuple[ApiKind, str]]:
    """List the objects around the Service that a resource asks for, of kinds that the API server knows, by name."""
    spec, name, uid = deployment.spec, deployment.identity.name, deployment.identity.uid
    is_certified = spec.tls is not None and spec.tls.cert_manager is not None
    asked = [
        (NETWORK_POLICY, name, spec.network_policy is not None),
        (HTTP_ROUTE, name, spec.route is not None),
        (INFERENCE_POOL, name, spec.inference_pool is not None),
        (CERTIFICATE, name_certificate(name, uid), is_certified),
    ]
    known = {NETWORK_POLICY, *served_kinds}
    return [(kind, object_name) for kind, object_name, is_asked in asked if is_asked and kind in known]


def observe_network(identity: Identity, cache: ObjectCache) -> ObservedNetwork:
    """Read what became of route, pool and certificate."""
    namespace, name = identity.namespace, identity.name
    route, pool = (cache.get(kind, namespace, name) for kind in (HTTP_ROUTE, INFERENCE_POOL))
    certificate = cache.get(CERTIFICATE, namespace, name_certificate(name, identity.uid))
    return ObservedNetwork(
        route=tuple(_observe_parents(route)) if route else None,
        pool=tuple(_observe_parents(pool)) if pool else None,
        certificate=_observe_certificate(certificate) if certificate else None,
    )


def _observe_parents(live: KubernetesObject) -> Iterator[ObservedParent]:
    """Read what each controller says of the newest spec, leaving out one that has only seen an older one."""
    generation, own_namespace = live["metadata"].get("generation", 0), live["metadata"]["namespace"]
    for entry in (live.get("status") or {}).get("parents") or []:
        accepted, parent = find_condition(entry, "Accepted"), entry.get("parentRef") or {}
        is_gateway = parent.get("kind", "Gateway") == "Gateway"
        if not is_gateway or not accepted or accepted.get("status") == "Unknown":
            continue  # one that nobody has looked at yet
        if accepted.get("observedGeneration", generation) < generation:
            continue
        yield ObservedParent(
            gateway=parent.get("name", ""),
            namespace=parent.get("namespace") or own_namespace,
            section_name=parent.get("sectionName"),
            controller=entry.get("controllerName") or NO_CONTROLLER,
            refusal=_find_refusal(entry),
        )


def _find_refusal(entry: Mapping[str, Any]) -> str:
    for kind in ("Accepted", "ResolvedRefs"):
        condition = find_condition(entry, kind)
        if condition.get("status") == "False":
            return f"{condition.get('reason', kind)}: {condition.get('message') or 'no more is said'}"
    return ""


def _observe_certificate(live: KubernetesObject) -> ObservedCertificate:
    status, generation = live.get("status") or {}, live["metadata"].get("generation", 0)
    ready, issuing = find_condition(status, "Ready"), find_condition(status, "Issuing")
    is_new = ready.get("observedGeneration", generation) >= generation
    told = issuing if issuing.get("status") == "False" else ready
    return ObservedCertificate(
        is_issued=ready.get("status") == "True" and is_new,
        has_failed=bool(status.get("failedIssuanceAttempts")),
        words=told.get("message") or "",
        expires_at=status.get("notAfter") or "",
    )
