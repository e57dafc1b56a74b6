"""Render the Jobs: the one that fetches the model, and the one that asks what serves."""

from typing import Any

from nemotron_operator.constants import API_GROUP
from nemotron_operator.plan.download_plan import DownloadPlan
from nemotron_operator.plan.serving_plan import ServingPlan, VerificationPlan
from nemotron_operator.render.child import render_child
from nemotron_operator.render.engine import MODELS_PATH, SCRATCH_PATH
from nemotron_operator.render.metadata import (
    ADAPTER_COMPONENT,
    CACHE_COMPONENT,
    VERIFICATION_COMPONENT,
    record_damage,
)
from nemotron_operator.render.pods import (
    render_affinity_of_volume,
    render_pod_annotations,
    render_pod_labels,
    render_shared_values,
)
from nemotron_operator.render.tls import TLS_PATH, render_trust_arguments, render_trust_volume
from nemotron_operator.render.xet import XET_BOUNDS

TERMINAL_EXIT_CODES = (2, 3)
"""Exit codes of the Jobs' programs after which trying again cannot help: a wrong argument, a terminal failure."""

FINISHED_JOB_LIVES_SECONDS = 24 * 60 * 60
"""How long a finished download stays for its log, where the volume itself says what is on it."""

PROGRESS_PORT = 8001
"""Where the downloader tells how far it is, and gives its metrics."""

PROGRESS_PORT_NAME = "progress"
"""The port's name in the pod: the operator asks only where it is offered, so none of an older operator's Jobs."""

CA_PATH = "/ca"
"""Where the certificates of a private CA are mounted."""

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The object store's credentials: keys of the Secret, and environment variables of the downloader."""

OPTIONAL_CREDENTIALS = frozenset({"AWS_SESSION_TOKEN"})
"""Those that only temporary credentials have."""

API_KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable in which the verification Job finds the server's API key."""


def render_download_job(plan: ServingPlan, download: DownloadPlan) -> dict[str, Any]:
    """Render the Job that fetches the model onto the volume."""
    is_recorded_on_volume = plan.cache.new_claim is not None
    lives_seconds = FINISHED_JOB_LIVES_SECONDS if is_recorded_on_volume else None
    return _render_fetching_job(
        plan, download, CACHE_COMPONENT, lives_seconds=lives_seconds, values=_render_repair(plan)
    )


def render_adapter_jobs(plan: ServingPlan) -> tuple[dict[str, Any], ...]:
    """Render the Jobs that fetch adapters, each once: they carry the record of what they fetched, and stay."""
    downloads = {each.download.job_name: each.download for each in plan.adapters if each.download and each.is_due}
    values = {**render_shared_values(plan), "damaged_model": None, "affinity": render_affinity_of_volume(plan)}
    return tuple(
        _render_fetching_job(plan, download, ADAPTER_COMPONENT, lives_seconds=None, values=values)
        for download in downloads.values()
    )


def _render_fetching_job(
    plan: ServingPlan, download: DownloadPlan, component: str, *, lives_seconds: int | None, values: dict[str, Any]
) -> dict[str, Any]:
    facts_for_people = {
        f"{API_GROUP}/repository": download.origin.repository,
        **({f"{API_GROUP}/revision": download.origin.revision} if download.origin.revision else {}),
        **({f"{API_GROUP}/expected-bytes": str(download.expected_bytes)} if download.expected_bytes else {}),
    }
    return render_child(
        "download_job",
        plan,
        component,
        download=download,
        lives_seconds=lives_seconds,
        terminal_exit_codes=TERMINAL_EXIT_CODES,
        pod_labels=render_pod_labels(plan, component),
        pod_annotations=render_pod_annotations(plan, facts_for_people),
        download_arguments=_render_download_arguments(download, is_adapter=component == ADAPTER_COMPONENT),
        download_environment=_render_download_environment(download),
        progress_port=PROGRESS_PORT,
        progress_port_name=PROGRESS_PORT_NAME,
        ca_path=CA_PATH,
        **values,
    )


def _render_repair(plan: ServingPlan) -> dict[str, Any]:
    """Render where a download runs, and what it repairs: that is beside pods which have the volume already.

    The shared volume says itself what was found on it; for one of the user's, the Job does.
    """
    damage, shared = plan.cache.damage, render_shared_values(plan)
    if damage is None:
        return {**shared, "damaged_model": None}
    is_marked = plan.cache.new_claim is None
    marks = {"damaged_model": record_damage(damage) if is_marked else None}
    return {**shared, **marks, "affinity": render_affinity_of_volume(plan)}


def _render_download_arguments(download: DownloadPlan, *, is_adapter: bool) -> list[str]:
    origin, s3 = download.origin, download.origin.s3
    where: dict[str, str | None] = (
        {"s3-bucket": s3.bucket, "s3-prefix": s3.prefix, "s3-endpoint": s3.endpoint, "s3-region": s3.region}
        if s3
        else {"repository": origin.repository, "revision": origin.revision}
    )
    arguments = [f"--{name}={value}" for name, value in where.items() if value is not None]
    what = ["--adapter"] if is_adapter else []
    return [*arguments, *what, f"--destination={MODELS_PATH}", f"--progress-port={PROGRESS_PORT}"]


def _render_download_environment(download: DownloadPlan) -> list[dict[str, Any]]:
    literals = {
        **({} if download.origin.s3 else XET_BOUNDS),
        **dict(download.env),
        "HF_HOME": f"{SCRATCH_PATH}/huggingface",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HOME": SCRATCH_PATH,
    }
    if download.endpoint is not None:
        literals["HF_ENDPOINT"] = download.endpoint
    if download.ca_config_map is not None:
        literals["SSL_CERT_FILE"] = f"{CA_PATH}/{download.ca_config_map.key}"
    environment: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(literals.items())]
    if download.token is not None:
        environment.append(_refer("HF_TOKEN", download.token.name, download.token.key))
    if download.credentials is not None:
        environment += [
            _refer(name, download.credentials.name, name, optional=name in OPTIONAL_CREDENTIALS) for name in CREDENTIALS
        ]
    return environment


def _refer(name: str, secret: str, key: str, *, optional: bool = False) -> dict[str, Any]:
    reference = {"name": secret, "key": key, **({"optional": True} if optional else {})}
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


def render_verify_job(plan: ServingPlan, verification: VerificationPlan, job_name: str) -> dict[str, Any]:
    """Render the Job that puts the question to what serves, through the Service."""
    return render_child(
        "verify_job",
        plan,
        VERIFICATION_COMPONENT,
        job_name=job_name,
        verification=verification,
        terminal_exit_codes=TERMINAL_EXIT_CODES,
        pod_labels=render_pod_labels(plan, VERIFICATION_COMPONENT),
        pod_annotations=render_pod_annotations(plan, {}),
        verify_arguments=[*_render_verify_arguments(verification), *render_trust_arguments(plan.network.tls)],
        verify_environment=_render_verify_environment(verification),
        trust_volume=render_trust_volume(plan.network.tls),
        trust_path=TLS_PATH,
        **render_shared_values(plan),
    )


def _render_verify_arguments(verification: VerificationPlan) -> list[str]:
    arguments = {
        "base-url": verification.base_url,
        "model": verification.model,
        "system-prompt": verification.system_prompt,
        "prompt": verification.prompt,
        "expect": verification.expect,
        "max-tokens": verification.max_tokens,
        "answer-seconds": verification.answer_seconds,
        "retry-seconds": verification.retry_seconds,
    }
    # Kubernetes puts variables into arguments, `$(OPENAI_API_KEY)` too: two dollar signs are one, and no variable.
    return [f"--{name}={value}".replace("$", "$$") for name, value in arguments.items()]


def _render_verify_environment(verification: VerificationPlan) -> list[dict[str, Any]]:
    if verification.api_key is None:
        return []
    return [_refer(API_KEY_VARIABLE, verification.api_key.name, verification.api_key.key)]
