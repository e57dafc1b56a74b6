"""When every byte on the volume is read again, by which Job, and where that is not possible."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from nemotron_operator.api.cache import CacheSpec
from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.check import count_seconds_to_next_check, find_due_check, find_next_check
from nemotron_operator.plan.facts import ClaimFact, Facts
from nemotron_operator.plan.startup import SCHEDULING_ALLOWANCE_SECONDS, STARTUP_SAFETY_FACTOR
from tests.support.fixtures.deployments import DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import COMMIT, facts_when_cached, plan, plan_cached, refuse

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NEVER = CacheSpec()
DAILY = CacheSpec(verify="Schedule", verify_interval_hours=24)
ON_START = CacheSpec(verify="OnStart")
DUE = "2026-11-24T07:00:00Z"


@pytest.mark.parametrize(
    ("cache", "verified_at", "requested_at", "expected"),
    [
        (NEVER, "2026-11-24T07:00:00Z", None, None),
        (NEVER, "2020-01-01T00:00:00Z", None, None),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T07:30:00Z", "2026-11-24T07:30:00Z"),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T07:00:00Z", None),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T06:59:59Z", None),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T08:30:00+01:00", "2026-11-24T07:30:00Z"),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T07:00:00.9Z", None),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T08:00:01Z", None),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T08:00:00Z", "2026-11-24T08:00:00Z"),
        (NEVER, "2026-11-24T07:00:00Z", "now", None),
        (NEVER, "2026-11-24T07:00:00Z", "", None),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T07:30:00", None),
        (NEVER, "", "2026-11-24T07:30:00Z", None),
        (ON_START, "2020-01-01T00:00:00Z", None, None),
        (DAILY, "2026-11-23T08:00:01Z", None, None),
        (DAILY, "2026-11-23T08:00:00Z", None, "2026-11-24T08:00:00Z"),
        (DAILY, "2026-11-23T07:00:00Z", None, "2026-11-24T07:00:00Z"),
        (DAILY, "2026-11-20T07:00:00Z", None, "2026-11-24T07:00:00Z"),
        (DAILY, "2026-11-23T07:00:00Z", "2026-11-24T07:30:00Z", "2026-11-24T07:30:00Z"),
        (DAILY, "2026-11-23T07:00:00Z", "2026-11-24T06:30:00Z", "2026-11-24T07:00:00Z"),
        (DAILY, "2026-11-25T07:00:00Z", None, None),
    ],
)
def test_a_check_is_due_when_it_is_asked_for_or_scheduled_after_the_last_verification(
    cache: CacheSpec, verified_at: str, requested_at: str | None, expected: str | None
) -> None:
    assert expected == find_due_check(cache, verified_at, requested_at, NOW)


@pytest.mark.parametrize(
    ("cache", "verified_at", "requested_at", "expected"),
    [
        (NEVER, "2026-11-24T07:00:00Z", None, None),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T07:30:00Z", None),
        (NEVER, "2026-11-24T07:00:00Z", "2026-11-24T08:10:00Z", datetime(2026, 11, 24, 8, 10, tzinfo=UTC)),
        (DAILY, "2026-11-24T07:00:00Z", None, datetime(2026, 11, 25, 7, 0, tzinfo=UTC)),
        (DAILY, "2026-11-23T07:00:00Z", None, datetime(2026, 11, 25, 7, 0, tzinfo=UTC)),
        (DAILY, "2026-11-24T07:00:00Z", "2026-11-24T08:10:00Z", datetime(2026, 11, 24, 8, 10, tzinfo=UTC)),
        (DAILY, "", None, None),
    ],
)
def test_the_next_check_is_the_earliest_that_is_not_due_yet(
    cache: CacheSpec, verified_at: str, requested_at: str | None, expected: datetime | None
) -> None:
    assert expected == find_next_check(cache, verified_at, requested_at, NOW)


def test_the_operator_comes_back_when_the_next_check_is_due() -> None:
    (cached,) = facts_when_cached(a_deployment()).cached_models.values()
    verified = replace(cached, verified_at="2026-11-24T07:59:00Z")
    assert 24 * 3600 - 60 == count_seconds_to_next_check(DAILY, verified, None, NOW)
    assert count_seconds_to_next_check(NEVER, verified, None, NOW) is None
    assert count_seconds_to_next_check(DAILY, None, None, NOW) is None


def facts_when_due(deployment: DeploymentBuilder, *modes: str, due_since: str = DUE) -> Facts:
    """Tell what is seen when a check is due of what is on a volume of such access modes."""
    facts = facts_when_cached(deployment)
    claims = {name: ClaimFact(82 * 1024**3, None, modes or ("ReadWriteMany",)) for name in facts.claims}
    return replace(facts, claims=claims, check_due=due_since)


def test_a_due_check_is_a_job_of_its_own_for_each_time_that_one_is_due() -> None:
    deployment = a_deployment()
    check = plan(deployment, facts_when_due(deployment)).cache.check
    later = plan(deployment, facts_when_due(deployment, due_since="2026-11-25T07:00:00Z")).cache.check
    assert check is not None
    assert later is not None
    assert (COMMIT, DUE) == (check.commit, check.due_since)
    assert check.job_name.startswith("nemotron-check-")
    assert check.job_name != later.job_name


def test_nothing_is_checked_before_it_is_due_or_there() -> None:
    deployment = a_deployment()
    assert plan_cached(deployment).cache.check is None
    assert plan(deployment, Facts(check_due=DUE)).cache.check is None


@pytest.mark.parametrize(
    ("modes", "is_possible"),
    [
        (("ReadWriteOnce",), True),
        (("ReadWriteMany",), True),
        (("ReadWriteOncePod", "ReadWriteOnce"), True),
        (("ReadWriteOncePod",), False),
    ],
)
def test_a_volume_that_the_serving_pod_keeps_to_itself_is_not_checked_and_says_so(
    modes: tuple[str, ...],
    is_possible: bool,  # noqa: FBT001 - a column
) -> None:
    deployment = a_deployment()
    cache = plan(deployment, facts_when_due(deployment, *modes)).cache
    assert is_possible == (cache.check is not None) == (cache.check_obstacle is None)
    suspended = plan(deployment.suspended(), facts_when_due(deployment, *modes)).cache
    assert suspended.check is not None
    assert suspended.check_obstacle is None


def test_a_check_before_the_start_takes_time_and_leaves_the_probe_its_budget() -> None:
    without, checked = plan(a_deployment()), plan(a_deployment().having("cache.verify", "OnStart"))
    read_seconds = checked.startup.estimate_seconds - without.startup.estimate_seconds
    # 67.69 GiB at 200 MiB/s.
    assert 347 == read_seconds
    assert without.startup.budget_seconds == checked.startup.budget_seconds
    assert (
        SCHEDULING_ALLOWANCE_SECONDS + checked.startup.budget_seconds + STARTUP_SAFETY_FACTOR * read_seconds
        == checked.startup.progress_deadline_seconds
    )


@pytest.mark.parametrize(
    ("verify", "has_manifest", "words"),
    [
        ("OnStart", False, "no manifest to be held against. Set model.source.persistentVolumeClaim.manifest: true"),
        ("Schedule", False, "Set cache.verify: OnStart and model.source.persistentVolumeClaim.manifest: true"),
        ("Schedule", True, "could not be fetched again"),
    ],
)
def test_the_users_weights_are_checked_before_a_start_against_a_manifest_and_not_otherwise(
    verify: str,
    has_manifest: bool,  # noqa: FBT001 - a column
    words: str,
) -> None:
    deployment = a_deployment().with_provided_weights("mine", "models/a").having("cache.verify", verify)
    deployment = deployment.having("model.source.persistentVolumeClaim.manifest", has_manifest)
    refused = refuse(deployment, facts_when_cached(deployment))
    assert Reason.CHECK_NOT_POSSIBLE == refused.reason
    assert words in refused.message


def test_the_users_weights_with_a_manifest_are_checked_before_each_start() -> None:
    deployment = a_deployment().with_provided_weights("mine", "models/a").having("cache.verify", "OnStart")
    deployment = deployment.having("model.source.persistentVolumeClaim.manifest", value=True)
    assert plan(deployment, facts_when_cached(deployment)).cache.start_check_image is not None


def test_a_pod_that_would_keep_the_repair_from_the_volume_is_refused() -> None:
    deployment = a_deployment().having("cache.verify", "OnStart").having("cache.accessModes", ["ReadWriteOncePod"])
    refused = refuse(deployment)
    assert Reason.VOLUME_NOT_SHARED == refused.reason
    assert "could never be fetched again" in refused.message
