"""When groups of pods are late, and when nobody makes them: LeaderWorkerSet tells neither."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.group_progress import observe_groups
from nemotron_operator.cluster.kinds import LEADER_WORKER_SET
from nemotron_operator.render.manifests import render
from nemotron_operator.render.metadata import PROGRESS_DEADLINE_ANNOTATION, read_revision
from nemotron_operator.status.observed_servers import ObservedServer
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.live_objects import a_live_pod, condition
from tests.support.fixtures.plans import plan_cached, server_of

JSON = dict[str, Any]

PLAN = plan_cached(a_deployment().with_tensor(8).with_pipeline(2).having("cache.accessModes", ["ReadWriteMany"]))

BEGAN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

DEADLINE_SECONDS = 600


def groups(*conditions: JSON, replicas: int = 1, observed: int | None = 4, **metadata: Any) -> JSON:  # noqa: ANN401
    """Show a LeaderWorkerSet of generation 4."""
    server = server_of(render(PLAN))
    annotations = {**server["metadata"]["annotations"], PROGRESS_DEADLINE_ANNOTATION: str(DEADLINE_SECONDS)}
    live = {**server["metadata"], "generation": 4, "creationTimestamp": write(BEGAN), "annotations": annotations}
    status = {} if observed is None else {"observedGeneration": observed, "conditions": list(conditions)}
    return {
        **server,
        "metadata": {**live, **metadata},
        "spec": {**server["spec"], "replicas": replicas},
        "status": status,
    }


def since(kind: str, after_seconds: int = 0, status: str = "True") -> JSON:
    return {**condition(kind, status), "lastTransitionTime": write(BEGAN + timedelta(seconds=after_seconds))}


def write(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def see(server: JSON, after_seconds: int, *leaders: JSON) -> ObservedServer:
    """See what the cache keeps of it, as the operator does."""
    cache = ObjectCache()
    cache.upsert(LEADER_WORKER_SET, server)
    (kept,) = cache.list_all(LEADER_WORKER_SET)
    return observe_groups(kept, leaders, BEGAN + timedelta(seconds=after_seconds))


def test_groups_are_late_by_the_time_since_when_not_all_are_ready() -> None:
    server = groups(since("Progressing"))
    in_time, late = see(server, DEADLINE_SECONDS), see(server, DEADLINE_SECONDS + 1)
    assert ("", 1) == (in_time.deadline_message, in_time.seconds_to_deadline)
    assert "'nemotron-nodes' are ready, since 2026-11-24T08:00:00Z" in late.deadline_message
    assert (None, "LeaderWorkerSet") == (late.seconds_to_deadline, late.kind)


def test_groups_that_are_ready_are_never_late() -> None:
    seen = see(groups(since("Progressing", status="False")), 10 * DEADLINE_SECONDS)
    assert ("", None) == (seen.deadline_message, seen.seconds_to_deadline)


def test_each_group_has_its_time() -> None:
    server = groups(since("Progressing"), replicas=3)
    assert not see(server, 3 * DEADLINE_SECONDS).deadline_message
    assert see(server, 3 * DEADLINE_SECONDS + 1).deadline_message


@pytest.mark.parametrize("status", ["True", "False"])
def test_the_time_begins_anew_with_another_revision(status: str) -> None:
    server = groups(since("Progressing"), since("UpdateInProgress", 5000, status))
    assert not see(server, 5000 + DEADLINE_SECONDS).deadline_message
    assert see(server, 5001 + DEADLINE_SECONDS).deadline_message


def test_the_time_begins_anew_with_the_newest_leader_of_the_revision() -> None:
    server = groups(since("Progressing"), since("UpdateInProgress"))
    made_at = write(BEGAN + timedelta(seconds=5000))
    own = a_live_pod("nemotron-nodes-0", revision=read_revision(server), created_at=made_at)
    other = a_live_pod("nemotron-nodes-1", revision="other", created_at=made_at)
    assert see(server, 5001, other).deadline_message
    assert not see(server, 5000 + DEADLINE_SECONDS, other, own).deadline_message
    assert see(server, 5001 + DEADLINE_SECONDS, other, own).deadline_message


def test_what_the_controller_has_not_seen_yet_is_not_late() -> None:
    changed = [{"manager": "nemotron-operator", "operation": "Apply", "time": write(BEGAN + timedelta(seconds=5000))}]
    seen = see(groups(since("Progressing"), observed=3, managedFields=changed), 5001)
    assert ("", False, 60) == (seen.deadline_message, seen.is_unanswered, seen.seconds_to_deadline)


@pytest.mark.parametrize("observed", [None, 3], ids=["never answered", "does not answer any more"])
def test_a_controller_that_does_not_answer_is_told_after_a_minute(observed: int | None) -> None:
    server = groups(observed=observed)
    assert (False, 1) == (see(server, 60).is_unanswered, see(server, 60).seconds_to_deadline)
    assert (True, None) == (see(server, 61).is_unanswered, see(server, 61).seconds_to_deadline)


def test_an_answer_to_an_old_change_is_none_to_a_new_one() -> None:
    times = {"Apply": BEGAN + timedelta(seconds=500), "Update": BEGAN + timedelta(seconds=900)}
    fields = [{"operation": operation, "time": write(time)} for operation, time in times.items()]
    fields[1]["subresource"] = "status"
    server = groups(observed=3, managedFields=fields)
    assert (False, True) == (see(server, 560).is_unanswered, see(server, 561).is_unanswered)


def test_nobody_has_to_answer_to_what_goes_or_has_no_time() -> None:
    assert not see(groups(observed=3, deletionTimestamp=write(BEGAN)), 5000).is_unanswered
    assert not see(groups(observed=3, creationTimestamp="yesterday"), 5000).is_unanswered
