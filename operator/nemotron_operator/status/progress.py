"""How far a download is: told at most every 15 seconds or 5 percent points, however often somebody looks."""

from datetime import datetime

from nemotron_operator.api.cache import DownloadProgress
from nemotron_operator.api.conditions import rfc3339
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.status.amounts import format_part, format_rate, format_time_left
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedJob, ObservedProgress

INTERVAL_SECONDS = 15
"""How long a progress stands that moves little; a download that is shown is looked at again after it."""

STEP_PERCENT = 5
"""A progress that moved so far is told at once."""

STALE_SECONDS = 60
"""A progress that was not renewed for so long is told with its time: the Job could not be asked since."""

QUARTERS_PERCENT = (25, 50, 75)
"""The shares whose passing is an event."""


def find_active_download(decision: Decision, observation: Observation) -> ObservedJob | None:
    """Find the Job that is fetching what the plan waits for."""
    job = observation.job
    is_wanted = isinstance(decision, ServingPlan) and decision.cache.cached is None
    return job if job is not None and is_wanted and job.state is JobState.ACTIVE else None


def keep_progress(
    download: ObservedJob | None, generation: int, previous: NemotronDeploymentStatus, now: datetime
) -> DownloadProgress | None:
    """Choose between what was told last and what the Job says now; None once the download has ended.

    Parameters
    ----------
    download
        The active Job; its progress is None where it could not be asked.
    generation
        Of the spec that was planned: what was told for another one may speak of another download.
    previous
        The status that stands.
    now
        The time at which the Job was asked.
    """
    if download is None:
        return None
    kept = previous.cache.progress if previous.cache else None
    if kept is not None and previous.observed_generation != generation and kept.observed_at < download.created_at:
        kept = None
    seen = download.progress
    if seen is None or (kept is not None and not _is_due(kept, seen, now)):
        return kept
    return DownloadProgress(
        bytes=seen.held_bytes,
        total_bytes=seen.total_bytes,
        percent=seen.percent,
        bytes_per_second=seen.bytes_per_second,
        eta_seconds=seen.eta_seconds,
        observed_at=rfc3339(now),
    )


def describe_progress(
    progress: DownloadProgress | None, download: ObservedJob | None, namespace: str, now: datetime
) -> str:
    """Continue the sentence that something is fetched; empty while there is nothing to look at.

    It rests on the progress that is kept, so that the message changes no more often than that.
    """
    is_running = download is not None and download.is_running
    if progress is None:
        return f"; {_tell_how_to_look(download, namespace)}" if download and is_running else ""
    there = f"{progress.percent} %, {format_part(progress.bytes, progress.total_bytes)}"
    if not download or not is_running:
        return f": {there}, are there"
    if _age_seconds(progress, now) > STALE_SECONDS:
        return f": {there} at {progress.observed_at}; {_tell_how_to_look(download, namespace)}"
    return f": {there}, {_tell_pace(progress)}"


def describe_quarter(before: DownloadProgress | None, after: DownloadProgress | None) -> str:
    """Tell that a quarter was passed between two statuses; empty if none was. Of several, the last is told."""
    first_percent, last_percent = (progress.percent if progress else 0 for progress in (before, after))
    passed = [quarter for quarter in QUARTERS_PERCENT if first_percent < quarter <= last_percent]
    if after is None or not passed:
        return ""
    amount = format_part(after.bytes, after.total_bytes)
    return f"{passed[-1]} % of the model are on the volume: {amount}, {_tell_pace(after)}."


def tell_time_left(progress: DownloadProgress) -> str:
    """Tell how long the rest takes: unknown in the first moment, and while nothing arrives."""
    if progress.eta_seconds is None:
        return "time left unknown"
    return f"about {format_time_left(progress.eta_seconds)} left"


def _is_due(kept: DownloadProgress, seen: ObservedProgress, now: datetime) -> bool:
    # A time that has not come yet was written by another clock: waiting for it could take hours.
    is_young = 0 <= _age_seconds(kept, now) < INTERVAL_SECONDS
    return not is_young or abs(seen.percent - kept.percent) >= STEP_PERCENT


def _age_seconds(progress: DownloadProgress, now: datetime) -> float:
    """Tell how old a progress is; one whose time cannot be read is as old as can be."""
    try:
        return (now - datetime.fromisoformat(progress.observed_at)).total_seconds()
    except (ValueError, TypeError):
        return float("inf")


def _tell_pace(progress: DownloadProgress) -> str:
    return f"at {format_rate(progress.bytes_per_second)}, {tell_time_left(progress)}"


def _tell_how_to_look(download: ObservedJob, namespace: str) -> str:
    return f"`kubectl -n {namespace} logs -f job/{download.name}` shows how far it is"
