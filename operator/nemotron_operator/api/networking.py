"""The network around a model: who reaches it, by which way, and under which certificate."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from nemotron_operator.api.fields import (
    KEYS_ARE_QUALIFIED,
    ApiModel,
    LabelValue,
    MapKey,
    ObjectName,
    list_type,
    require,
    rule,
    rules,
)

HOSTNAME_PATTERN = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""What the Gateway API takes as a hostname."""

NAMESPACE_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""What Kubernetes takes as the name of a namespace."""


class GatewayReference(ApiModel):
    """A Gateway that may carry the route; its own `allowedRoutes` decide whether it does."""

    name: ObjectName
    """Name of the Gateway. Required. Example: `inference`."""

    namespace: Annotated[str | None, Field(min_length=1, max_length=63, pattern=NAMESPACE_PATTERN)] = None
    """Its namespace. Default: the resource's own. Example: `gateways`."""

    section_name: Annotated[
        str | None, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    ] = None
    """One of its listeners. Default: all that fit. Example: `https`."""


_EACH_GATEWAY_ONCE = "name a Gateway once, or each time with another sectionName"
"""What the Gateway API wants. In CEL, comparing each with each would cost more than a definition may."""


class RouteSpec(ApiModel):
    """An HTTPRoute of the Gateway API to the paths under /v1, and no others."""

    gateways: Annotated[
        tuple[GatewayReference, ...], Field(min_length=1, max_length=8, json_schema_extra=list_type("atomic"))
    ]
    """Gateways that carry the route. Required. Example: `[{name: inference, namespace: gateways}]`."""

    hostnames: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253, pattern=HOSTNAME_PATTERN)], ...],
        Field(max_length=16, json_schema_extra=list_type("set")),
    ] = ()
    """Host names that lead here. Default: all of the Gateway's listeners. Example: `[nemotron.example.com]`."""

    @model_validator(mode="after")
    def _names_each_gateway_once(self) -> Self:
        alike = [[other for other in self.gateways if _is_one_listener(one, other)] for one in self.gateways]
        return require(self, all(len(others) == 1 for others in alike), _EACH_GATEWAY_ONCE)


def _is_one_listener(one: GatewayReference, other: GatewayReference) -> bool:
    """Tell whether the first leads to all that the other one leads to."""
    is_one_gateway = (one.name, one.namespace) == (other.name, other.namespace)
    return is_one_gateway and one.section_name in {None, other.section_name}


class EndpointPickerReference(ApiModel):
    """The Service of an endpoint picker, which the platform runs: it chooses the replica for each request."""

    service_name: ObjectName
    """Name of the Service in the resource's namespace. Required. Example: `nemotron-epp`."""

    port: Annotated[int, Field(strict=True, ge=1, le=65_535)] = 9002
    """Its port. Default: 9002. Example: `9002`."""

    failure_mode: Literal["FailOpen", "FailClose"] = "FailOpen"
    """What the gateway does with requests when the picker does not answer: any replica, or none. Default: `FailOpen`.
    Example: `FailClose`."""


class InferencePoolSpec(ApiModel):
    """An InferencePool of the Gateway API inference extension over the replicas; a `route` leads to it then."""

    endpoint_picker: EndpointPickerReference
    """What chooses the replica. Required. Example: `{serviceName: nemotron-epp}`."""


class NetworkPeer(ApiModel):
    """Pods that may connect: those with all of these labels, in namespaces with all of these."""

    namespace_labels: Annotated[
        dict[MapKey, LabelValue], Field(max_length=8, json_schema_extra=rules(KEYS_ARE_QUALIFIED))
    ] = Field(default_factory=dict)
    """Labels of the namespaces. Default: the resource's own namespace.
    Example: `{kubernetes.io/metadata.name: gateways}`."""

    pod_labels: Annotated[
        dict[MapKey, LabelValue], Field(max_length=8, json_schema_extra=rules(KEYS_ARE_QUALIFIED))
    ] = Field(default_factory=dict)
    """Labels of the pods. Default: all pods of those namespaces. Example: `{app: envoy}`."""


class NetworkPolicySpec(ApiModel):
    """Who may connect to the engines beside the platform's gateways, its monitoring and the operator's own Jobs.

    Everybody else is kept out: vLLM answers `/tokenize`, `/invocations` and others without the API key.
    """

    clients: Annotated[tuple[NetworkPeer, ...], Field(max_length=16, json_schema_extra=list_type("atomic"))] = ()
    """Who may connect beside the peers of the operator's configuration. Default: none.
    Example: `[{podLabels: {app: chat}}]`."""


_ONE_ISSUE = "set exactly one of secretName and certManager"


class CertManagerSpec(ApiModel):
    """An issuer of cert-manager, which signs and renews the certificate."""

    issuer_name: ObjectName
    """Name of the issuer. Required. Example: `platform-ca`."""

    issuer_kind: Literal["Issuer", "ClusterIssuer"] = "Issuer"
    """Its kind. Default: `Issuer`, of the resource's namespace. Example: `ClusterIssuer`."""


class TlsSpec(ApiModel):
    """The certificate with which the engines serve HTTPS: exactly one member."""

    model_config = ConfigDict(
        json_schema_extra=rules(rule("has(self.secretName) != has(self.certManager)", _ONE_ISSUE))
    )

    secret_name: ObjectName | None = None
    """A Secret with `tls.crt` and `tls.key`, and `ca.crt` where a private CA signed. Default: none.
    Example: `nemotron-tls`."""

    cert_manager: CertManagerSpec | None = None
    """Who signs a certificate for the names of the Service. Default: none. Example: `{issuerName: platform-ca}`."""

    @model_validator(mode="after")
    def _has_exactly_one_member(self) -> Self:
        return require(self, (self.secret_name is None) != (self.cert_manager is None), _ONE_ISSUE)
