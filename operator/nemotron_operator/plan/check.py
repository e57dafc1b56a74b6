"""When the bytes on the volume are read again, and by what. The time is an argument."""

from datetime import UTC, datetime, timedelta

from nemotron_operator.api.cache import CacheSpec
from nemotron_operator.api.conditions import rfc3339
from nemotron_operator.api.quantity import format_bytes, format_cores, parse_quantity
from nemotron_operator.plan.access_modes import ONE_POD, is_for_one_pod, plan_access_modes
from nemotron_operator.plan.deadline import choose_deadline
from nemotron_operator.plan.facts import CachedModel
from nemotron_operator.plan.names import name_check_job
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.scaling import count_most_replicas
from nemotron_operator.plan.serving_plan import CheckPlan

NEVER, ON_START, SCHEDULE = "Never", "OnStart", "Schedule"
"""Values of `cache.verify`."""


def parse_moment(text: str) -> datetime | None:
    """Read a time in RFC 3339, to the second as Kubernetes writes it; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(microsecond=0) if moment.tzinfo is not None else None


def find_due_check(
    cache: CacheSpec, verified_at: str, requested_at: str | None, now: datetime, running_since: str | None = None
) -> str | None:
    """Find since when a check is due: since somebody asked for it, or since the last date of the schedule.

    Parameters
    ----------
    verified_at
        When every byte was last read, RFC 3339.
    requested_at
        When somebody asked for a check, RFC 3339; text that is no time counts as nothing.
    running_since
        What a check that runs now is due since, RFC 3339: a date of the schedule that comes meanwhile is met by it, as
        a check that takes longer than the interval would else never end.

    Returns
    -------
    RFC 3339; None while none is due. A date of the schedule that failed is followed by the next one.
    """
    verified = parse_moment(verified_at)
    if verified is None:
        return None
    moments = []
    requested = parse_moment(requested_at) if requested_at else None
    if requested is not None and verified < requested <= now:
        moments.append(requested)
    running = parse_moment(running_since) if running_since else None
    passed = _count_passed(cache, verified, running or now)
    if passed > 0:
        moments.append(verified + passed * _interval_of(cache))
    return rfc3339(max(moments)) if moments else None


def find_next_check(cache: CacheSpec, verified_at: str, requested_at: str | None, now: datetime) -> datetime | None:
    """Find when the next check is due that is not due yet; None when no time is set."""
    verified = parse_moment(verified_at)
    if verified is None:
        return None
    moments = []
    requested = parse_moment(requested_at) if requested_at else None
    if requested is not None and requested > now:
        moments.append(requested)
    if cache.verify == SCHEDULE:
        moments.append(verified + (_count_passed(cache, verified, now) + 1) * _interval_of(cache))
    return min(moments, default=None)


def count_seconds_to_next_check(
    cache: CacheSpec, cached: CachedModel | None, requested_at: str | None, now: datetime
) -> float | None:
    """Count the seconds until the next check is due; None when no time is set."""
    upcoming = find_next_check(cache, cached.verified_at, requested_at, now) if cached else None
    return (upcoming - now).total_seconds() if upcoming else None


def _count_passed(cache: CacheSpec, verified: datetime, now: datetime) -> int:
    """Count the dates of the schedule that have passed since the last verification."""
    return max(0, (now - verified) // _interval_of(cache)) if cache.verify == SCHEDULE else 0


def _interval_of(cache: CacheSpec) -> timedelta:
    return timedelta(hours=cache.verify_interval_hours)


def find_obstacle(request: PlanRequest) -> str | None:
    """Find why a check that is due cannot be made; None when it can, or none is due."""
    is_held = is_for_one_pod(plan_access_modes(request)) and count_most_replicas(request.spec) > 0
    if request.facts.check_due is None or not is_held:
        return None
    return (
        f"A check of every byte is due since {request.facts.check_due}, but one pod excludes all others from the "
        f"volume ({ONE_POD}), and that is the one that serves. It is made while spec.suspend is true."
    )


def plan_check(request: PlanRequest, claim_name: str, cached: CachedModel | None) -> CheckPlan | None:
    """Plan the check that is due; None when none is, or none can be."""
    due_since, config = request.facts.check_due, request.config
    if due_since is None or cached is None or find_obstacle(request) is not None:
        return None
    return CheckPlan(
        job_name=name_check_job(request.identity.name, claim_name, cached.commit, due_since),
        due_since=due_since,
        image=config.downloader_image,
        commit=cached.commit,
        deadline_seconds=choose_deadline(cached.size_bytes),
        cpu=format_cores(parse_quantity(config.download_cpu)),
        memory=format_bytes(int(parse_quantity(config.download_memory))),
    )


def choose_start_check_image(request: PlanRequest) -> str | None:
    """Choose the image that verifies in each pod before its engine starts; None where nothing does."""
    return request.config.downloader_image if request.spec.cache.verify == ON_START else None
