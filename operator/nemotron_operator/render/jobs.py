"""Render the Jobs: the one that fetches the model, and the one that asks what serves."""

from typing import Any

from nemotron_operator.constants import API_GROUP
from nemotron_operator.plan.names import name_download_job
from nemotron_operator.plan.serving_plan import DownloadPlan, ServingPlan, VerificationPlan
from nemotron_operator.render.child import render_child
from nemotron_operator.render.engine import MODELS_PATH, SCRATCH_PATH
from nemotron_operator.render.metadata import CACHE_COMPONENT, VERIFICATION_COMPONENT
from nemotron_operator.render.pods import render_pod_annotations, render_pod_labels, render_shared_values

TERMINAL_EXIT_CODES = (2, 3)
"""Exit codes of the Jobs' programs after which trying again cannot help: a wrong argument, a terminal failure."""

API_KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable in which the verification Job finds the server's API key."""


def render_download_job(plan: ServingPlan, download: DownloadPlan) -> dict[str, Any]:
    """Render the Job that fetches the model onto the volume."""
    facts_for_people = {
        f"{API_GROUP}/repository": download.repository,
        f"{API_GROUP}/revision": download.revision,
        f"{API_GROUP}/expected-bytes": str(download.expected_bytes),
    }
    return render_child(
        "download_job",
        plan,
        CACHE_COMPONENT,
        job_name=name_download_job(plan.identity.name, plan.cache.claim_name, download.repository, download.revision),
        terminal_exit_codes=TERMINAL_EXIT_CODES,
        pod_labels=render_pod_labels(plan, CACHE_COMPONENT),
        pod_annotations=render_pod_annotations(plan, facts_for_people),
        download_arguments=_render_download_arguments(download),
        download_environment=_render_download_environment(download),
        **render_shared_values(plan),
    )


def _render_download_arguments(download: DownloadPlan) -> list[str]:
    return [
        f"--repository={download.repository}",
        f"--revision={download.revision}",
        f"--destination={MODELS_PATH}",
    ]


def _render_download_environment(download: DownloadPlan) -> list[dict[str, Any]]:
    literals = {"HF_HOME": f"{SCRATCH_PATH}/huggingface", "HF_HUB_DISABLE_TELEMETRY": "1", "HOME": SCRATCH_PATH}
    if download.endpoint is not None:
        literals["HF_ENDPOINT"] = download.endpoint
    environment: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(literals.items())]
    if download.token is not None:
        reference = {"name": download.token.name, "key": download.token.key}
        environment.append({"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": reference}})
    return environment


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
        verify_arguments=_render_verify_arguments(verification),
        verify_environment=_render_verify_environment(verification),
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
    reference = {"name": verification.api_key.name, "key": verification.api_key.key}
    return [{"name": API_KEY_VARIABLE, "valueFrom": {"secretKeyRef": reference}}]
