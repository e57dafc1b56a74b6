from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.cache import DownloadProgress
from nemotron_operator.api.conditions import ConditionType, rfc3339
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import parse_status
from nemotron_operator.cluster.publish import dump_status
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.observed_jobs import JobState, ObservedProgress
from nemotron_operator.status.progress import INTERVAL_SECONDS, STALE_SECONDS, STEP_PERCENT
from nemotron_operator.status.transitions import list_transitions
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.observations import NEW, a_job, a_pod, downloading, serving
from tests.support.fixtures.plans import plan, plan_cached, refuse

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
NOTHING = NemotronDeploymentStatus()
PLAN = plan(a_deployment())
TOTAL_BYTES = 72_685_000_000
LOOK = "`kubectl -n team logs -f job/nemotron-cache-12345678` shows how far it is"


def at(percent: float, bytes_per_second: int = 480_000_000) -> ObservedProgress:
    held_bytes = int(TOTAL_BYTES * percent / 100)
    left_seconds = (TOTAL_BYTES - held_bytes) // bytes_per_second if bytes_per_second else None
    return ObservedProgress(held_bytes, TOTAL_BYTES, bytes_per_second, left_seconds)


def see(progress: ObservedProgress | None, *, is_running: bool = True, created_at: str = "") -> Observation:
    return downloading(replace(a_job(), progress=progress, is_running=is_running, created_at=created_at))


def tell(
    observation: Observation, previous: NemotronDeploymentStatus = NOTHING, now: datetime = NOW
) -> NemotronDeploymentStatus:
    return compute_status(PLAN, observation, None, previous, now)


def progress_of(status: NemotronDeploymentStatus) -> DownloadProgress | None:
    return status.cache.progress if status.cache else None


def percent_of(status: NemotronDeploymentStatus) -> int | None:
    progress = progress_of(status)
    return progress.percent if progress else None


def message_of(status: NemotronDeploymentStatus) -> str:
    return next(found.message for found in status.conditions if found.type == ConditionType.MODEL_CACHED)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_what_the_job_says_is_told_with_its_time() -> None:
    expected = DownloadProgress(
        bytes=36_342_500_000,
        total_bytes=TOTAL_BYTES,
        percent=50,
        bytes_per_second=480_000_000,
        eta_seconds=75,
        observed_at="2026-11-24T08:00:00Z",
    )
    assert expected == progress_of(tell(see(at(50))))


def test_the_share_is_rounded_down() -> None:
    assert 99 == at(99.999).percent


def test_the_message_says_share_amount_rate_and_time_left() -> None:
    assert message_of(tell(see(at(50)))).endswith("': 50 %, 36.3 of 72.7 GB, at 480 MB/s, about 75 s left.")


def test_a_download_at_which_nothing_arrives_has_no_time_left() -> None:
    assert message_of(tell(see(at(50, 0)))).endswith("': 50 %, 36.3 of 72.7 GB, at 0.0 MB/s, time left unknown.")


def test_a_job_that_cannot_be_asked_is_looked_at_by_kubectl() -> None:
    assert message_of(tell(see(None))).endswith(f"'; {LOOK}.")
    assert progress_of(tell(see(None))) is None


def test_a_job_whose_pod_does_not_run_yet_has_nothing_to_look_at() -> None:
    assert message_of(tell(see(None, is_running=False))).endswith("'.")


def test_between_two_attempts_what_is_there_is_told_without_a_rate() -> None:
    told = tell(see(at(50)))
    after = tell(see(None, is_running=False), told, later(40))
    assert message_of(after).endswith("': 50 %, 36.3 of 72.7 GB, are there.")


def test_one_missed_answer_changes_nothing() -> None:
    told = tell(see(at(50)))
    assert told == tell(see(None), told, later(INTERVAL_SECONDS + 1))


def test_a_progress_that_grew_old_is_told_with_its_time() -> None:
    told = tell(see(at(50)))
    after = tell(see(None), told, later(STALE_SECONDS + 1))
    assert progress_of(told) == progress_of(after)
    assert message_of(after).endswith(f"': 50 %, 36.3 of 72.7 GB at 2026-11-24T08:00:00Z; {LOOK}.")


@pytest.mark.parametrize(
    ("percent", "seconds", "expected"), [(54.9, 14, 50), (55, 0, 55), (45, 1, 45), (50.1, 15, 50), (51, 15, 51)]
)
def test_a_progress_stands_for_fifteen_seconds_or_five_points(percent: float, seconds: int, expected: int) -> None:
    told = tell(see(at(50)))
    assert expected == percent_of(tell(see(at(percent)), told, later(seconds)))


def test_a_progress_from_a_clock_ahead_of_ours_does_not_stand_until_then() -> None:
    told = tell(see(at(50)), now=later(3600))
    assert 51 == percent_of(tell(see(at(51)), told))


def test_a_progress_whose_time_cannot_be_read_is_told_anew() -> None:
    told = dump_status(tell(see(at(50))))
    told["cache"]["progress"]["observedAt"] = "yesterday"
    assert 51 == percent_of(tell(see(at(51)), parse_status({"status": told})))


@pytest.mark.parametrize("state", [JobState.COMPLETE, JobState.FAILED])
def test_a_download_that_ended_has_no_progress(state: JobState) -> None:
    told = tell(see(at(50)))
    assert progress_of(tell(downloading(replace(a_job(state), is_running=True)), told)) is None


def test_a_cached_model_has_no_progress_whatever_its_job_does() -> None:
    told = tell(see(at(50)))
    after = compute_status(plan_cached(a_deployment()), see(at(60)), NEW, told, NOW)
    assert progress_of(after) is None


def test_a_refused_spec_has_no_progress_of_the_one_before() -> None:
    told = tell(see(at(50)))
    after = compute_status(refuse(a_deployment().with_tensor(3)), serving(a_pod(ready=True)), None, told, NOW)
    assert told.cache is not None
    assert after.cache == told.cache.model_copy(update={"progress": None})


def test_another_generation_keeps_the_progress_of_the_same_job_alone() -> None:
    told = tell(see(at(50))).model_copy(update={"observed_generation": 1})
    of_the_same, of_a_newer = see(None, created_at=rfc3339(later(-60))), see(None, created_at=rfc3339(later(60)))
    assert 50 == percent_of(tell(of_the_same, told, later(5)))
    assert percent_of(tell(of_a_newer, told, later(70))) is None


@dataclass
class Life:
    """A download as a stream of looks at it; the operator may be a new process at each."""

    status: NemotronDeploymentStatus = NOTHING
    now: datetime = NOW

    def look(self, progress: ObservedProgress | None) -> tuple[list[str], bool]:
        """Look once; return the events, and whether the status was written."""
        after = tell(see(progress), parse_status({"status": dump_status(self.status)}), self.now)
        events = [event.message for event in list_transitions(self.status, after)]
        is_written, self.status = after != self.status, after
        return events, is_written


LOOKS = st.lists(
    st.tuples(st.integers(0, 40), st.none() | st.floats(0, 100)), min_size=1, max_size=40
)  # seconds since the look before, and what is seen: nothing, or a percentage


@given(LOOKS)
def test_a_busy_stream_writes_at_most_every_fifteen_seconds_or_five_points(
    looks: list[tuple[int, float | None]],
) -> None:
    life = Life()
    for seconds, percent in looks:
        life.now += timedelta(seconds=seconds)
        before = progress_of(life.status)
        life.look(None if percent is None else at(percent))
        after = progress_of(life.status)
        if before is None or before == after:
            continue
        assert after is not None
        waited_seconds = datetime.fromisoformat(after.observed_at) - datetime.fromisoformat(before.observed_at)
        assert (
            waited_seconds >= timedelta(seconds=INTERVAL_SECONDS) or abs(after.percent - before.percent) >= STEP_PERCENT
        )


@given(st.lists(st.none() | st.floats(50, 54.9), max_size=30))
def test_within_the_interval_nothing_is_written_whether_the_job_answers_or_not(
    percents: list[float | None],
) -> None:
    life = Life()
    life.look(at(50))
    writes = [life.look(None if percent is None else at(percent))[1] for percent in percents]
    assert not any(writes)


@given(st.lists(st.tuples(st.integers(0, 120), st.none() | st.floats(0, 100)), max_size=60))
def test_each_quarter_is_told_at_most_once_however_often_the_operator_starts(
    looks: list[tuple[int, float | None]],
) -> None:
    """What is on the volume grows; now and then nobody answers."""
    life, told, reached = Life(), list[str](), 0.0
    life.look(None)
    for seconds, percent in looks:
        life.now += timedelta(seconds=seconds)
        reached = max(reached, percent or 0.0)
        told += life.look(None if percent is None else at(reached))[0]
    quarters = [int(message.split(" %")[0]) for message in told]
    assert sorted(set(quarters)) == quarters
    final_percent = percent_of(life.status) or 0
    assert [quarter for quarter in (25, 50, 75) if quarter <= final_percent][-1:] == quarters[-1:]


def test_a_quarter_is_told_in_numbers() -> None:
    life = Life()
    life.look(at(10))
    life.now += timedelta(seconds=20)
    expected = "25 % of the model are on the volume: 21.8 of 72.7 GB, at 480 MB/s, about 105 s left."
    assert [expected] == life.look(at(30))[0]
    life.now += timedelta(seconds=20)
    assert [] == life.look(at(40))[0]
