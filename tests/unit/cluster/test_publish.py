import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import parse_status
from nemotron_operator.cluster.cache import ObjectCache
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.cluster.observe import ClusterView
from nemotron_operator.cluster.publish import MAX_NOTE_BYTES, _render_event, dump_status, make_merge_patch, publish
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.transitions import Transition
from tests.support.fixtures.deployments import a_deployment
from tests.support.fixtures.observations import NEW, a_pod, answered, downloading, serving
from tests.support.fixtures.plans import plan, plan_cached
from tests.support.memory_gateway import MemoryGateway, merge

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

values = st.recursive(
    st.booleans() | st.integers(min_value=2) | st.text(max_size=3),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.sampled_from("abcd"), parts, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(objects, objects)
def test_the_patch_turns_one_object_into_the_other(live: dict[str, Any], desired: dict[str, Any]) -> None:
    assert desired == merge(live, make_merge_patch(live, desired))


@given(objects, objects)
def test_there_is_no_patch_when_nothing_differs(live: dict[str, Any], desired: dict[str, Any]) -> None:
    assert (live == desired) == (make_merge_patch(live, desired) == {})


def test_a_patch_has_only_what_changed() -> None:
    live = {"keep": 1, "drop": 2, "inner": {"keep": 1, "change": 2}}
    desired = {"keep": 1, "inner": {"keep": 1, "change": 3}, "add": [4]}
    assert {"drop": None, "inner": {"change": 3}, "add": [4]} == make_merge_patch(live, desired)


def status_when_serving() -> NemotronDeploymentStatus:
    planned = plan_cached(a_deployment())
    return compute_status(planned, answered(planned, serving(a_pod(ready=True))), NEW, NemotronDeploymentStatus(), NOW)


def test_a_status_survives_writing_and_reading() -> None:
    status = status_when_serving()
    assert status == parse_status({"status": dump_status(status)})


def test_what_is_absent_is_left_out() -> None:
    dumped = dump_status(compute_status(plan(a_deployment()), downloading(), None, NemotronDeploymentStatus(), NOW))
    assert "startup" not in dumped
    assert "commit" not in dumped["cache"]
    assert "servingRevision" not in dumped


class Published:
    """A resource in an API server in memory, and what publishing did there."""

    def __init__(self) -> None:
        self.gateway = MemoryGateway()
        self.view = ClusterView(ObjectCache(), self.gateway)
        self.live = self.gateway.put(NEMOTRON, a_deployment().body)

    def publish(self, status: NemotronDeploymentStatus) -> None:
        asyncio.run(publish(self.live, status, self.view, NOW, "operator-0"))
        self.live = self.view.cache.get(NEMOTRON, "team", "nemotron") or self.live


def test_a_status_is_written_once_with_its_events() -> None:
    published = Published()
    published.publish(status_when_serving())
    assert [("status", "NemotronDeployment", "nemotron")] == published.gateway.writes
    assert dump_status(status_when_serving()) == published.live["status"]
    assert ["Fits", "Cached", "Verified", "Serving"] == [event["reason"] for event in published.gateway.events]


def test_the_same_status_is_not_written_again() -> None:
    published = Published()
    published.publish(status_when_serving())
    events = len(published.gateway.events)
    published.publish(status_when_serving())
    assert 1 == len(published.gateway.writes)
    assert events == len(published.gateway.events)


def test_what_is_gone_from_the_status_is_gone_from_the_api() -> None:
    published = Published()
    published.publish(
        compute_status(plan_cached(a_deployment()), serving(a_pod()), NEW, NemotronDeploymentStatus(), NOW)
    )
    assert "startup" in published.live["status"]
    published.publish(status_when_serving())
    assert "startup" not in published.live["status"]
    assert "Reconciling" not in {found["type"] for found in published.live["status"]["conditions"]}


def test_an_event_that_is_lost_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    published = Published()
    published.gateway.refuses_events = True
    published.publish(status_when_serving())
    assert "was not posted" in caplog.text
    assert "Serving" in str(published.live["status"])


def an_event(message: str) -> dict[str, Any]:
    live = a_deployment().body
    return _render_event(live, Transition("Warning", "CrashLoop", message), NOW, "operator-0")


def test_an_event_says_of_what_by_whom_and_when() -> None:
    event = an_event("It crashed.")
    assert ("Warning", "CrashLoop", "It crashed.") == (event["type"], event["reason"], event["note"])
    assert "2026-11-24T08:00:00.000000Z" == event["eventTime"]
    assert ("nemotron-operator", "operator-0") == (event["reportingController"], event["reportingInstance"])
    assert {"kind": "NemotronDeployment", "namespace": "team", "name": "nemotron"}.items() <= event["regarding"].items()


def test_a_long_note_is_cut() -> None:
    assert MAX_NOTE_BYTES == len(an_event("x" * 5000)["note"])


def test_a_long_note_in_another_script_is_cut_too() -> None:
    assert len(an_event("日本" * 1000)["note"].encode()) <= MAX_NOTE_BYTES
