"""Names that facts are looked up by and that rendering gives: one place, so that both always agree."""

import hashlib
import json
import re

GROUP_SUFFIX = "-nodes"
"""What the LeaderWorkerSet of a replica over several nodes adds to the resource's name: its own Service has that too,
and would else be the one in front of the replicas."""


def name_download_job(deployment_name: str, claim_name: str, *download: str) -> str:
    """Name the cache Job: another repository, revision or volume is another Job, since a Job cannot be changed."""
    return f"{deployment_name}-cache-{_digest(claim_name, *download, length=8)}"


def name_adapter_job(deployment_name: str, claim_name: str, *download: str) -> str:
    """Name the Job that fetches an adapter: another repository, revision or volume is another Job."""
    return f"{deployment_name}-lora-{_digest(claim_name, *download, length=9)}"


def name_adapter_list_job(deployment_name: str, claim_name: str, *listed: str) -> str:
    """Name the Job that tells the pods which adapters to load: another list, or another volume, is another Job."""
    return f"{deployment_name}-loras-{_digest(claim_name, *listed, length=8)}"


def name_inspect_job(deployment_name: str, claim_name: str, path: str, *, writes_manifest: bool) -> str:
    """Name the Job that looks at weights of the user's: another volume, directory or wish is another Job."""
    return f"{deployment_name}-inspect-{_digest(claim_name, path, str(writes_manifest), length=6)}"


def name_verify_job(deployment_name: str, revision: str, *question: str) -> str:
    """Name the verification Job: another revision or another question is another Job, and is asked anew."""
    return f"{deployment_name}-verify-{_digest(json.dumps([revision, *question]), length=7)}"


def name_check_job(deployment_name: str, claim_name: str, commit: str, due_since: str) -> str:
    """Name the Job that reads every byte again: each time that one is due it is another Job."""
    return f"{deployment_name}-check-{_digest(claim_name, commit, due_since, length=8)}"


def name_groups(deployment_name: str) -> str:
    """Name the LeaderWorkerSet."""
    return f"{deployment_name}{GROUP_SUFFIX}"


def name_shared_claim(repository: str, *rest: str) -> str:
    """Name the volume after what it holds, so that resources of one namespace share it.

    Parameters
    ----------
    repository
        The hub's repository, or the address in an object store.
    rest
        What else tells it from others: the revision, the object store.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", repository.casefold()).strip("-")[:42].rstrip("-")
    return f"model-{slug}-{_digest(repository, *rest, length=10)}"


def name_compiled_code(image: str, model_path: str, accelerator: str, *sizes: int) -> str:
    """Name the directory of an engine's compiled code: by all that it was compiled for."""
    return _digest(image, model_path, accelerator, *map(str, sizes), length=16)


def name_certificate(deployment_name: str, uid: str) -> str:
    """Name the certificate that cert-manager is asked for, and the Secret that it writes, whoever has one of that name.

    The uid makes it a name that nobody else chose before: a Secret of a user's is not written over.
    """
    return f"{deployment_name}-tls-{_digest(uid, length=10)}"


def list_service_names(deployment_name: str, namespace: str) -> tuple[str, ...]:
    """List the names by which clients inside the cluster find the Service, the shortest first."""
    full_name = f"{deployment_name}.{namespace}.svc"
    return (deployment_name, f"{deployment_name}.{namespace}", full_name, f"{full_name}.cluster.local")


def locate_service(deployment_name: str, namespace: str, port: int, *, is_encrypted: bool = False) -> str:
    """Give the base URL of the OpenAI-compatible API, as clients inside the cluster reach it."""
    return f"{'https' if is_encrypted else 'http'}://{deployment_name}.{namespace}.svc:{port}/v1"


def _digest(*parts: str, length: int) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:length]
