"""Pods that the API server refuses: for a moment in many a rollout, or until somebody acts."""

from datetime import UTC, datetime, timedelta

import pytest

from nemotron_operator.cluster.refusal import PATIENCE_SECONDS, observe_refusal
from tests.support.fixtures.live_objects import a_live_pod, condition
from tests.unit.cluster.test_observation import a_live_server

SINCE = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

REFUSED = {
    **condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota"),
    "lastTransitionTime": "2026-11-24T08:00:00Z",
}


@pytest.mark.parametrize(
    ("after_seconds", "is_one_leaving", "lasts", "look_after_seconds"),
    [
        (1, False, False, PATIENCE_SECONDS - 1),
        (PATIENCE_SECONDS, False, True, None),
        (PATIENCE_SECONDS, True, False, None),
    ],
    ids=["at first", "after some minutes", "while another pod ends"],
)
def test_a_refusal_lasts_once_nothing_can_make_room_any_more(
    after_seconds: int, *, is_one_leaving: bool, lasts: bool, look_after_seconds: int | None
) -> None:
    server = a_live_server(conditions=[REFUSED], updatedReplicas=0) | {"spec": {"replicas": 1}}
    pod = a_live_pod()
    pod["metadata"].update({"deletionTimestamp": "2026-11-24T08:10:00Z"} if is_one_leaving else {})
    seen = observe_refusal(server, [pod], SINCE + timedelta(seconds=after_seconds))
    assert ("exceeded quota", lasts) == (seen.refusal, seen.refusal_lasts)
    assert look_after_seconds == seen.seconds_to_deadline


def test_where_nothing_is_refused_nothing_lasts() -> None:
    assert not observe_refusal(a_live_server(), [], SINCE).refusal_lasts
