"""Render how the engine serves HTTPS: its certificate, and how what asks it inside the operator trusts that."""

from collections.abc import Mapping
from typing import Any

from nemotron_operator.plan.network_plan import TlsPlan
from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan

TLS_VOLUME = "tls"
"""The pod's volume with the certificate."""

TLS_PATH = "/tls"
"""Where the certificate is mounted, read-only."""

CERTIFICATE_KEY, PRIVATE_KEY_KEY, AUTHORITY_KEY = "tls.crt", "tls.key", "ca.crt"
"""Keys of a Secret with a certificate, as `kubectl create secret tls` and cert-manager write them."""

CERTIFICATE_ARGUMENT = f"--ssl-certfile={TLS_PATH}/{CERTIFICATE_KEY}"
"""By which the engine serves HTTPS, and by which that is known of its pods."""

CERTIFICATE_VARIABLE = "ENGINE_CERTIFICATE"
"""What the sidecar is given of the Secret and does not read: of a Secret that is missing the kubelet says so in the
pod's status where a variable wants it, and only in an event where a volume does."""

SCHEME_ANNOTATION = "prometheus.io/scheme"
"""Annotation of a pod that serves HTTPS, by which Prometheus knows it; nothing else of the pod says so to it."""

RELOAD_VARIABLES = {"WATCHFILES_FORCE_POLLING": "true", "WATCHFILES_POLL_DELAY_MS": "5000"}
"""How vLLM notices each renewal: a Secret's files are links that the kubelet turns to new ones, and a watch of the
first ones ends with them, so that by itself it notices one renewal and no more (watchfiles 1.3, vLLM 0.33)."""


def render_tls_arguments(tls: TlsPlan | None) -> list[str]:
    """Render the arguments of `vllm serve`; a renewed certificate is taken without a restart."""
    if tls is None:
        return []
    return [
        CERTIFICATE_ARGUMENT,
        f"--ssl-keyfile={TLS_PATH}/{PRIVATE_KEY_KEY}",
        "--enable-ssl-refresh",
    ]


def render_scheme_annotation(tls: TlsPlan | None) -> dict[str, str]:
    """Tell who reads the metrics, where they are not plain HTTP."""
    return {} if tls is None else {SCHEME_ANNOTATION: "https"}


def serves_https(plan: ServingPlan, rollout: RolloutPlan | None) -> bool:
    """Tell whether the pods that serve speak HTTPS: those that stay for now, or were taken back, may not."""
    if rollout is None:
        return plan.network.serving_tls is not None
    return read_certificate_secret(rollout.pod_template) is not None


def read_certificate_secret(template: Mapping[str, Any]) -> str | None:
    """Read with the certificate of which Secret the pods of a template serve; None where they serve HTTP."""
    pod = template.get("spec") or {}
    if not any(CERTIFICATE_ARGUMENT in (container.get("args") or []) for container in pod.get("containers") or []):
        return None
    volumes = (volume for volume in pod.get("volumes") or [] if volume["name"] == TLS_VOLUME)
    return next((str((volume.get("secret") or {}).get("secretName", "")) for volume in volumes), "")


def render_tls_volume(tls: TlsPlan | None) -> dict[str, Any] | None:
    """Render the engine's volume: certificate and key, for the pod's group alone."""
    if tls is None:
        return None
    # The pod of a Secret that is missing gets as far as the sidecar, of which the kubelet then says why it waits.
    return _render_volume(tls, (CERTIFICATE_KEY, PRIVATE_KEY_KEY), is_optional=tls.issuer is None)


def render_trust_volume(tls: TlsPlan | None) -> dict[str, Any] | None:
    """Render the volume of who asks: the certificate, the CA's if there is one, and never the key."""
    # What the Secret lacks, here ca.crt, is left out where the whole is optional.
    return None if tls is None else _render_volume(tls, (CERTIFICATE_KEY, AUTHORITY_KEY), is_optional=True)


def render_trust_arguments(tls: TlsPlan | None) -> list[str]:
    """Render where the program of a Job finds what to trust."""
    return [] if tls is None else [f"--trusted-certificates={TLS_PATH}"]


def _render_volume(tls: TlsPlan, keys: tuple[str, ...], *, is_optional: bool) -> dict[str, Any]:
    secret = {
        "secretName": tls.secret_name,
        "defaultMode": 0o440,
        "items": [{"key": key, "path": key} for key in keys],
        **({"optional": True} if is_optional else {}),
    }
    return {"name": TLS_VOLUME, "secret": secret}
