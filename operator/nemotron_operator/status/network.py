"""Tell what became of the network around a model."""

from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.api.networking import GatewayReference
from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.plan.needed_apis import explain_forbidden
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.judgement import Decision, Judged, no, yes
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_network import ObservedParent

_PROJECTS = {
    "HTTPRoute": ("the Gateway API", "gateway.networking.k8s.io/v1", "spec.route"),
    "InferencePool": (
        "the Gateway API inference extension",
        "inference.networking.k8s.io/v1",
        "spec.inferencePool",
    ),
    "Certificate": ("cert-manager", "cert-manager.io/v1", "spec.tls.certManager in favour of spec.tls.secretName"),
}
"""Who brings a kind to a cluster, in which API, and what asks for it."""


def find_network(decision: Decision, observation: Observation) -> tuple[Judged, ...]:
    """Find what became of route, pool and certificate; nothing where none is asked for."""
    if not isinstance(decision, ServingPlan):
        return ()
    return (*_find_routed(decision, observation), *_find_certified(decision, observation))


def list_hostnames(plan: ServingPlan, observation: Observation) -> tuple[str, ...]:
    """List the host names under which Gateways lead here; none before they do."""
    is_routed = any(judged.finding.status == "True" for judged in _find_routed(plan, observation))
    return plan.network.route.hostnames if plan.network.route is not None and is_routed else ()


def _find_routed(plan: ServingPlan, observation: Observation) -> tuple[Judged, ...]:
    network, kind = plan.network, ConditionType.ROUTED
    if network.route is None and network.inference_pool is None:
        return ()
    wanted = [
        name for name, asked in (("HTTPRoute", network.route), ("InferencePool", network.inference_pool)) if asked
    ]
    missing = next((name for name in wanted if name in plan.missing_apis), None)
    if missing is not None:
        return (_miss(plan, kind, missing),)
    gateways = network.route.gateways if network.route is not None else ()
    answers = {"HTTPRoute": observation.network.route or (), "InferencePool": observation.network.pool or ()}
    for name in wanted:
        refused = next((parent for parent in answers[name] if parent.refusal), None)
        if refused is not None:
            return (_refuse(plan.identity, name, refused),)
    for name in wanted:
        waiting = _wait(plan.identity, name, gateways, answers[name])
        if waiting is not None:
            return (waiting,)
    return (Judged(yes(kind, Reason.ACCEPTED, _describe(wanted, answers))),)


def _refuse(identity: Identity, name: str, parent: ObservedParent) -> Judged:
    message = (
        f"{parent.controller} does not take {name} {identity.name!r} for Gateway "
        f"'{parent.namespace}/{parent.gateway}': {parent.refusal.rstrip('.')}. "
        f"`kubectl -n {parent.namespace} describe gateway {parent.gateway}` shows its listeners and which routes they "
        "allow."
    )
    return Judged(no(ConditionType.ROUTED, Reason.NOT_ACCEPTED, message), needs_human=True)


def _wait(
    identity: Identity, name: str, gateways: tuple[GatewayReference, ...], answers: tuple[ObservedParent, ...]
) -> Judged | None:
    """Say for which Gateway nobody has answered; of a pool that is only known once a route leads to it."""
    silent = (
        next((one for one in gateways if not _has_answer(identity, one, answers)), None)
        if name == "HTTPRoute"
        else None
    )
    if silent is not None:
        namespace = silent.namespace or identity.namespace
        message = (
            f"No gateway controller has answered yet for Gateway '{namespace}/{silent.name}'; `kubectl -n {namespace} "
            f"get gateway {silent.name}` shows whether it is there."
        )
    elif not answers:
        message = (
            f"No gateway controller has answered yet for {name} {identity.name!r}; `kubectl get gatewayclass` shows "
            f"which are there, and their documents whether they know {name}."
        )
    else:
        return None
    return Judged(no(ConditionType.ROUTED, Reason.NOT_ACCEPTED, message))


def _has_answer(identity: Identity, gateway: GatewayReference, answers: tuple[ObservedParent, ...]) -> bool:
    wanted = (gateway.name, gateway.namespace or identity.namespace, gateway.section_name)
    return any((parent.gateway, parent.namespace, parent.section_name) == wanted for parent in answers)


def _describe(wanted: list[str], answers: dict[str, tuple[ObservedParent, ...]]) -> str:
    parents = [parent for name in wanted for parent in answers[name]]
    gateways = ", ".join(dict.fromkeys(f"{parent.namespace}/{parent.gateway}" for parent in parents))
    controllers = ", ".join(dict.fromkeys(parent.controller for parent in parents))
    return f"{' and '.join(wanted)} accepted for {gateways} by {controllers}."


def _find_certified(plan: ServingPlan, observation: Observation) -> tuple[Judged, ...]:
    tls, kind = plan.network.tls, ConditionType.CERTIFIED
    if tls is None or tls.issuer is None:
        return ()
    if "Certificate" in plan.missing_apis:
        return (_miss(plan, kind, "Certificate"),)
    certificate, namespace = observation.network.certificate, plan.identity.namespace
    if certificate is not None and certificate.is_issued:
        until = f" until {certificate.expires_at}" if certificate.expires_at else ""
        message = f"The certificate in Secret {tls.secret_name!r} is valid{until}; cert-manager renews it before."
        return (Judged(yes(kind, Reason.ISSUED, message)),)
    said = certificate.words.rstrip(".") if certificate is not None and certificate.words else "nothing yet"
    message = (
        f"{tls.issuer.issuer_kind} {tls.issuer.issuer_name!r} has not issued the certificate; cert-manager says: "
        f"{said}. `kubectl -n {namespace} describe certificate {tls.secret_name}` shows how far it is; the pods wait."
    )
    return (
        Judged(no(kind, Reason.NOT_ISSUED, message), needs_human=certificate is not None and certificate.has_failed),
    )


def _miss(plan: ServingPlan, kind: ConditionType, name: str) -> Judged:
    project, api, field = _PROJECTS[name]
    message = f"This cluster does not know {name}: install {project} ({api}), or remove {field}."
    if name in plan.forbidden_apis:
        message = explain_forbidden(name, plan.forbidden_apis[name])
    return Judged(no(kind, Reason.API_NOT_INSTALLED, message), needs_human=True)
