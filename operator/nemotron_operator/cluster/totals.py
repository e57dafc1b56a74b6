"""What the cache says of all models together, for the metrics. It is read at every scrape, so it parses little."""

from nemotron_operator.api.cache import DownloadProgress
from nemotron_operator.api.v1alpha1 import parse_status
from nemotron_operator.cluster.cache import KubernetesObject, ObjectCache, component_of
from nemotron_operator.cluster.checks import is_check
from nemotron_operator.cluster.kinds import CLAIM, JOB, NEMOTRON
from nemotron_operator.cluster.observation import read_job_state, read_recorded_model
from nemotron_operator.render.metadata import CACHE_COMPONENT
from nemotron_operator.status.observed_jobs import JobState


def count_active_downloads(cache: ObjectCache) -> int:
    """Count the download Jobs that have not ended."""
    downloads = (job for job in cache.list_all(JOB) if component_of(job) == CACHE_COMPONENT and not is_check(job))
    return sum(read_job_state(job) is JobState.ACTIVE for job in downloads)


def sum_remaining_bytes(cache: ObjectCache) -> int:
    """Sum what the downloads that tell their progress still have to fetch, in bytes."""
    told = (_read_progress(body) for body in cache.list_all(NEMOTRON))
    return sum(progress.total_bytes - progress.bytes for progress in told if progress is not None)


def sum_cached_bytes(cache: ObjectCache) -> int:
    """Sum the models that are recorded on the operator's volumes, in bytes; a record that somebody broke counts 0."""
    recorded = (read_recorded_model(claim) for claim in cache.list_all(CLAIM))
    return sum(model.size_bytes for model in recorded if model is not None and isinstance(model.size_bytes, int))


def _read_progress(body: KubernetesObject) -> DownloadProgress | None:
    told = ((body.get("status") or {}).get("cache") or {}).get("progress")
    status = parse_status(body) if told else None
    return status.cache.progress if status and status.cache else None
