"""Plan one cache Job: what it fetches, with whose leave, and for how long."""

from nemotron_operator.api.quantity import format_bytes, format_cores, parse_quantity
from nemotron_operator.api.references import ConfigMapKeyReference
from nemotron_operator.api.source import HuggingFaceSource
from nemotron_operator.config import OperatorConfig
from nemotron_operator.plan.deadline import choose_deadline
from nemotron_operator.plan.download_plan import DownloadPlan
from nemotron_operator.plan.source import Download


def plan_download(
    config: OperatorConfig, download: Download, hub: HuggingFaceSource | None, job_name: str, expected_bytes: int
) -> DownloadPlan:
    """Plan the Job of a download.

    Parameters
    ----------
    hub
        What the user says of the hub; None where nothing is said, and for an object store.
    """
    s3 = download.s3
    ca_config_map = s3.ca_config_map_ref if s3 else hub.ca_config_map_ref if hub else None
    default_ca = config.download_ca_config_map
    return DownloadPlan(
        job_name=job_name,
        image=config.downloader_image,
        origin=download,
        endpoint=None if s3 else (hub.endpoint if hub else None) or config.hub_endpoint,
        token=hub.token_secret_ref if hub else None,
        credentials=s3.credentials_secret_ref if s3 else None,
        ca_config_map=ca_config_map
        or (ConfigMapKeyReference(name=default_ca.name, key=default_ca.key) if default_ca else None),
        env=tuple(sorted(config.download_env.items())),
        expected_bytes=expected_bytes,
        deadline_seconds=choose_deadline(expected_bytes),
        cpu=format_cores(parse_quantity(config.download_cpu)),
        memory=format_bytes(int(parse_quantity(config.download_memory))),
    )
