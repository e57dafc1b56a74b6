"""A start is told once, in its phases, by the process that saw it from its beginning."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import POD
from nemotron_operator.cluster.starts import StartTracker, measure_start
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_container, a_live_pod

CREATED = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return CREATED + timedelta(seconds=seconds)


def text(seconds: float) -> str:
    return at(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def since(seconds: float, status: str = "True", reason: str = "Fine") -> dict[str, Any]:
    return {"status": status, "reason": reason, "lastTransitionTime": text(seconds)}


WHOLE = {
    "Planned": since(2),
    "ModelCached": since(602),
    "Verified": since(1003, reason="Verified"),
    "Ready": since(1004),
}
"""A start of 1004 seconds."""


def a_body(
    revision: str | None = "r1",
    *,
    serving: bool = True,
    generation: int = 1,
    conditions: dict[str, Any] | None = None,
    **spec: object,
) -> dict[str, Any]:
    """Make a resource whose revision serves, or is on its way."""
    known = (WHOLE if conditions is None else conditions) if serving else {"Ready": since(1, "False", "Loading")}
    body = deepcopy(a_deployment().body)
    body["metadata"] |= {"generation": generation, "creationTimestamp": text(0)}
    body["spec"] |= spec
    body["status"] = {
        "observedGeneration": generation,
        "desiredRevision": revision,
        "servingRevision": revision if serving else None,
        "conditions": [{"type": kind, **condition} for kind, condition in known.items()],
    }
    return body


def a_new_body() -> dict[str, Any]:
    """Make a resource that nobody has acted on yet, with the status that the definition gives it."""
    return {**a_body(), "status": {"observedGeneration": -1}}


def a_served_tracker() -> StartTracker:
    """Make a tracker that saw a resource become Ready."""
    starts = tracker()
    starts.take(a_new_body(), at(0))
    assert starts.take(a_body(), at(1004)) is not None
    return starts


def a_pod(name: str = "pod", *, ready_at: float = 983, restarts: int = 0, check_seconds: float = 0) -> dict[str, Any]:
    """Make a pod that was made at 603, scheduled at 613, whose engine has run since 683."""
    conditions = [{"type": "PodScheduled", **since(613)}, {"type": "Ready", **since(ready_at)}]
    pod = a_live_pod(
        name,
        revision="r1",
        created_at=text(603),
        containers=[a_container("vllm", restarts, running={"startedAt": text(683)})],
    )
    pod["status"]["conditions"] = conditions
    if check_seconds:
        times = {"startedAt": text(620), "finishedAt": text(620 + check_seconds)}
        pod["status"]["initContainerStatuses"] = [a_container("verify-weights", terminated=times)]
    return pod


def tracker(*pods: dict[str, Any]) -> StartTracker:
    """Make a tracker that has looked at a cluster without resources."""
    cache = ObjectCache()
    for pod in pods:
        cache.upsert(POD, pod)
    made = StartTracker(cache)
    made.look([], at(-100))
    return made


def test_the_phases_of_a_start_follow_each_other() -> None:
    expected = {"plan": 2, "cache": 600, "schedule": 10, "pull": 70, "load": 300, "verify": 20, "total": 1004}
    assert expected == measure_start(at(0), a_body(), [a_pod()])


def test_the_check_of_the_weights_counts_as_loading_and_not_as_pulling() -> None:
    phases = measure_start(at(0), a_body(), [a_pod(check_seconds=40)])
    assert (30, 340) == (phases["pull"], phases["load"])


def test_of_several_replicas_the_last_one_counts() -> None:
    phases = measure_start(
        at(0), a_body(), [a_pod("a", ready_at=983), a_pod("b", ready_at=990), a_pod("c", ready_at=985)]
    )
    assert (307, 13) == (phases["load"], phases["verify"])


def test_pods_of_another_revision_do_not_count() -> None:
    assert {"plan", "cache", "total"} == measure_start(at(0), a_body("r2"), [a_pod()]).keys()


def test_where_the_engine_was_started_again_pulling_and_loading_are_not_told_apart() -> None:
    phases = measure_start(at(0), a_body(), [a_pod(restarts=1)])
    assert {"plan", "cache", "schedule", "verify", "total"} == phases.keys()


def test_what_was_so_before_it_was_asked_for_is_no_phase() -> None:
    phases = measure_start(at(602.9), a_body(), [a_pod()])
    assert (402, False, 0) == (phases["total"], "plan" in phases, phases["cache"])
    assert "cache" not in measure_start(at(700), a_body(), [])


def test_a_model_that_is_asked_nothing_has_no_phase_for_it() -> None:
    conditions = {**WHOLE, "Verified": since(1003, "Unknown", "NotRequested")}
    assert "verify" not in measure_start(at(0), a_body(conditions=conditions), [a_pod()])


def test_a_new_resource_is_told_once_when_it_is_ready() -> None:
    starts = tracker(a_pod())
    assert None is starts.take(a_new_body(), at(0))
    assert None is starts.take(a_body(serving=False), at(600))
    phases = starts.take(a_body(), at(1004))
    assert phases is not None
    assert 1004 == phases["total"]
    assert None is starts.take(a_body(), at(1005))


def test_ready_again_is_no_new_start() -> None:
    starts = a_served_tracker()
    starts.take(a_body(serving=False), at(2000))
    assert None is starts.take(a_body(conditions={**WHOLE, "Ready": since(2100)}), at(2100))


def test_a_change_that_makes_no_new_pods_is_no_start() -> None:
    starts = a_served_tracker()
    assert None is starts.take(a_body(generation=2, suspend=False), at(2000))


def test_a_process_that_found_it_ready_tells_nothing() -> None:
    starts = StartTracker(ObjectCache())
    assert [] == starts.look([a_body()], at(2000))
    assert [] == starts.look([a_body()], at(2005))


@pytest.mark.parametrize("revision", [None, "r1"])
def test_a_start_that_was_under_way_before_the_process_looked_is_not_told(revision: str | None) -> None:
    starts = StartTracker(ObjectCache())
    starts.look([a_body(revision, serving=False)], at(500))
    assert [] == starts.look([a_body()], at(1004))


def test_after_a_change_of_leader_the_next_revision_is_told_again() -> None:
    starts = StartTracker(ObjectCache())
    starts.look([a_body()], at(2000))
    starts.take(a_body(serving=False, generation=2, suspend=False), at(3000.4))
    starts.take(a_body("r2", serving=False, generation=2, suspend=False), at(3001))
    ready = a_body("r2", generation=2, conditions={**WHOLE, "Ready": since(3100)}, suspend=False)
    assert {"total": 100} == starts.take(ready, at(3100))


def test_a_start_lasts_from_the_last_change_of_what_is_asked() -> None:
    starts = tracker()
    starts.take(a_new_body(), at(0))
    starts.take(a_body(None, serving=False, generation=2, suspend=False), at(1000))
    phases = starts.take(a_body(generation=2, suspend=False), at(1004))
    assert phases is not None
    assert 4 == phases["total"]


def test_another_number_of_replicas_begins_no_start() -> None:
    starts = tracker()
    starts.take(a_new_body(), at(0))
    starts.take(a_body(None, serving=False, generation=2, replicas=2), at(900))
    phases = starts.take(a_body(generation=2, replicas=2), at(1004))
    assert phases is not None
    assert 1004 == phases["total"]


def test_new_pods_without_a_change_of_the_spec_begin_when_they_are_seen() -> None:
    starts = a_served_tracker()
    starts.take(a_body("r2", serving=False), at(5000))
    assert {"total": 60} == starts.take(a_body("r2", conditions={"Ready": since(5060)}), at(5060))


def test_a_status_of_an_older_spec_ends_no_start() -> None:
    starts = tracker()
    starts.take(a_new_body(), at(0))
    late = a_body(generation=2)
    late["status"]["observedGeneration"] = 1
    assert None is starts.take(late, at(1004))


def test_a_resource_of_the_same_name_is_another_one() -> None:
    starts = a_served_tracker()
    again = [a_new_body(), a_body()]
    for body in again:
        body["metadata"]["uid"] = "another"
    assert [False, True] == [starts.take(body, at(1004)) is not None for body in again]


def test_what_was_deleted_is_forgotten() -> None:
    starts = a_served_tracker()
    starts.look([], at(1010))
    starts.take(a_new_body(), at(1015))
    assert starts.take(a_body(), at(1020)) is not None


@pytest.mark.parametrize("serving", [True, False])
def test_a_resource_that_comes_back_into_sight_is_no_new_one(serving: bool) -> None:  # noqa: FBT001 - a parameter
    starts = a_served_tracker()
    starts.look([], at(1010))
    assert [] == starts.look([a_body(serving=serving)], at(90_000))
    assert {} == starts.list_begun()
    assert [] == starts.look([a_body()], at(90_005))


def test_a_start_is_listed_from_what_was_asked_until_it_is_ready() -> None:
    starts = tracker()
    key = ("team", "nemotron")
    starts.take(a_new_body(), at(1))
    assert {key: at(0)} == starts.list_begun()
    starts.take(a_body(), at(1004))
    assert {} == starts.list_begun()
    starts.take(a_body(generation=2, suspend=False), at(2000))
    assert {} == starts.list_begun()
    starts.take(a_body("r2", serving=False, generation=3, suspend=True), at(3000))
    assert {key: at(3000)} == starts.list_begun()
