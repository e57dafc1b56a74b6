"""Names that facts are looked up by and that rendering gives: one place, so that both always agree."""

import hashlib
import json
import re


def name_download_job(deployment_name: str, claim_name: str, repository: str, revision: str) -> str:
    """Name the cache Job: another repository, revision or volume is another Job, since a Job cannot be changed."""
    return f"{deployment_name}-cache-{_digest(claim_name, repository, revision, length=8)}"


def name_verify_job(deployment_name: str, revision: str, *question: str) -> str:
    """Name the verification Job: another revision or another question is another Job, and is asked anew."""
    return f"{deployment_name}-verify-{_digest(json.dumps([revision, *question]), length=7)}"


def name_shared_claim(repository: str, revision: str) -> str:
    """Name the volume after what it holds, so that resources of one namespace share it."""
    slug = re.sub(r"[^a-z0-9]+", "-", repository.casefold()).strip("-")[:42].rstrip("-")
    return f"model-{slug}-{_digest(repository, revision, length=10)}"


def locate_service(deployment_name: str, namespace: str, port: int) -> str:
    """Give the base URL of the OpenAI-compatible API, as clients inside the cluster reach it."""
    return f"http://{deployment_name}.{namespace}.svc:{port}/v1"


def _digest(*parts: str, length: int) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:length]
