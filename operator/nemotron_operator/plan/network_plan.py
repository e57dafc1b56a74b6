"""What is around the Service of a model."""

from dataclasses import dataclass

from nemotron_operator.api.networking import CertManagerSpec, InferencePoolSpec, NetworkPeer, RouteSpec


@dataclass(frozen=True, slots=True)
class TlsPlan:
    """The certificate with which the engines serve."""

    secret_name: str
    """The Secret with `tls.crt` and `tls.key`, and perhaps `ca.crt`."""
    issuer: CertManagerSpec | None
    """Who is asked for the certificate; None where the Secret is the user's."""
    dns_names: tuple[str, ...]
    """Names of the Service, for which the certificate has to be."""


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Which objects of the network are made, and how clients connect."""

    route: RouteSpec | None = None
    inference_pool: InferencePoolSpec | None = None
    peers: tuple[NetworkPeer, ...] | None = None
    """Who may connect beside the operator's own Jobs; None where the namespace decides."""
    tls: TlsPlan | None = None
    """None where the engines shall serve HTTP."""
    serving_tls: TlsPlan | None = None
    """With which certificate those serve that are there, whatever is asked for by now; where none are, that of `tls`.
    None where they serve HTTP."""
    live_port: int | None = None
    """On which port those serve that are there; None where none are."""
    ready_ports: tuple[int, ...] = ()
    """On which ports those do that are ready, of whatever revision."""
    doubts: tuple[str, ...] = ()
    """What may go wrong although nothing forbids it, in sentences."""
