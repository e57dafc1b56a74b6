"""What one cache Job fetches: a model, or an adapter beside it."""

from dataclasses import dataclass

from nemotron_operator.api.references import ConfigMapKeyReference, SecretKeyReference, SecretReference
from nemotron_operator.plan.source import Download


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What a cache Job fetches."""

    job_name: str
    image: str
    origin: Download
    endpoint: str | None
    """Address of a mirror of the hub; None for the public one, and for an object store."""
    token: SecretKeyReference | None
    credentials: SecretReference | None
    """The Secret with the object store's keys."""
    ca_config_map: ConfigMapKeyReference | None
    """Certificates of a private CA; None trusts the public ones."""
    env: tuple[tuple[str, str], ...]
    """The platform's environment variables: proxies."""
    expected_bytes: int
    """Size of the weights as the catalogue's geometry gives it, config and tokenizer files come on top; 0 where nobody
    knows it before, as of an adapter."""
    deadline_seconds: int
    """How long the download may take, all attempts together."""
    cpu: str
    """Requested by the pod."""
    memory: str
    """Requested by the pod."""
