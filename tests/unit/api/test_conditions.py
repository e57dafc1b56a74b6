from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.conditions import (
    Condition,
    ConditionType,
    Finding,
    Reason,
    advance_conditions,
    rfc3339,
)

NOW = datetime(2026, 11, 24, 8, 0, 0, 500_000, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)

types = st.sampled_from(list(ConditionType))
statuses = st.sampled_from(["True", "False", "Unknown"])
findings = st.lists(
    st.builds(Finding, type=types, status=statuses, reason=st.sampled_from(list(Reason)), message=st.text(max_size=20)),
    max_size=7,
    unique_by=lambda finding: finding.type,
)


def found(
    kind: ConditionType, status: str, reason: Reason | str = Reason.SERVING, message: str = "A sentence."
) -> Finding:
    return Finding.model_validate({"type": kind, "status": status, "reason": reason, "message": message})


def foreign(kind: str = "team.example/Approved") -> Condition:
    return Condition(
        type=kind,
        status="True",
        reason="Asked",
        message="By a person.",
        observed_generation=1,
        last_transition_time="2020-01-01T00:00:00Z",
    )


def test_a_first_condition_begins_now() -> None:
    (condition,) = advance_conditions([], [found(ConditionType.READY, "False", Reason.LOADING)], 3, NOW)
    expected = Condition(
        type="Ready",
        status="False",
        reason="Loading",
        message="A sentence.",
        observed_generation=3,
        last_transition_time="2026-11-24T08:00:00Z",
    )
    assert expected == condition


def test_the_transition_time_stays_while_only_reason_message_and_generation_change() -> None:
    before = advance_conditions([], [found(ConditionType.READY, "False", Reason.LOADING, "One.")], 3, NOW)
    (after,) = advance_conditions(before, [found(ConditionType.READY, "False", Reason.CRASH_LOOP, "Two.")], 4, LATER)
    assert rfc3339(NOW) == after.last_transition_time
    assert ("CrashLoop", "Two.", 4) == (after.reason, after.message, after.observed_generation)


@pytest.mark.parametrize("flip", ["True", "Unknown"])
def test_the_transition_time_moves_when_the_status_flips(flip: str) -> None:
    before = advance_conditions([], [found(ConditionType.READY, "False")], 3, NOW)
    (after,) = advance_conditions(before, [found(ConditionType.READY, flip)], 3, LATER)
    assert rfc3339(LATER) == after.last_transition_time


@pytest.mark.parametrize("kind", [ConditionType.STALLED, ConditionType.RECONCILING])
def test_a_condition_of_ours_that_is_not_found_any_more_is_dropped(kind: ConditionType) -> None:
    before = advance_conditions([], [found(kind, "True"), found(ConditionType.READY, "False")], 3, NOW)
    after = advance_conditions(before, [found(ConditionType.READY, "True")], 3, LATER)
    assert ["Ready"] == [condition.type for condition in after]


def test_a_foreign_condition_stays_as_it_is() -> None:
    after = advance_conditions([foreign()], [found(ConditionType.READY, "True")], 9, NOW)
    assert foreign() == after[-1]
    assert after == advance_conditions(after, [found(ConditionType.READY, "True")], 9, LATER)


@given(findings, findings)
def test_types_stay_unique_and_every_finding_is_told(earlier: list[Finding], now: list[Finding]) -> None:
    before = advance_conditions([foreign()], earlier, 1, NOW)
    after = advance_conditions(before, now, 2, LATER)
    assert [*(finding.type for finding in now), foreign().type] == [condition.type for condition in after]
    times = {condition.type: (condition.status, condition.last_transition_time) for condition in before}
    for condition in after[:-1]:
        kept = times.get(condition.type, ("", ""))
        expected = kept[1] if kept[0] == condition.status else rfc3339(LATER)
        assert expected == condition.last_transition_time


@given(findings)
def test_the_same_findings_change_nothing(same: list[Finding]) -> None:
    before = advance_conditions([], same, 1, NOW)
    assert before == advance_conditions(before, same, 1, LATER)


def test_every_reason_is_one_word_for_tools() -> None:
    for reason in Reason:
        assert reason.value.isalnum(), reason
        assert reason.value[0].isupper(), reason


def test_a_reason_that_a_download_brings_is_kept() -> None:
    (condition,) = advance_conditions([], [found(ConditionType.READY, "False", "HubUnauthorized")], 1, NOW)
    assert "HubUnauthorized" == condition.reason
