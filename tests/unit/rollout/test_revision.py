"""Which pods serve: nothing but a wish of somebody's changes them."""

from dataclasses import replace

import pytest

from nemotron_operator.plan.rollout import RevisionRecord
from nemotron_operator.render.metadata import hash_manifest, read_revision_of
from nemotron_operator.rollout.history import KEPT_REVISIONS
from tests.unit.rollout.world import World, a_template, serving


def test_the_first_pods_are_those_that_are_rendered_and_are_kept() -> None:
    world = World()
    rollout = world.reconcile()
    spec, template = {"inputs": world.plan.inputs}, a_template(inputs=world.plan.inputs)
    revision = hash_manifest(template)
    assert (revision, revision, revision) == (rollout.revision, rollout.applied_revision, rollout.base_revision)
    expected = RevisionRecord(revision, 1, world.plan.inputs, template, spec, "1")
    assert expected == world.records[rollout.base_revision]


def test_another_version_changes_no_pod_and_tells_what_it_would_change() -> None:
    world = serving()
    before = world.decide().applied_revision
    world.version = "2"
    rollout = world.reconcile()
    assert (before, None, "1") == (rollout.applied_revision, rollout.record, rollout.operator_version)
    assert rollout.update is not None
    assert ("1", ("image vllm:1 -> vllm:2",)) == (rollout.update.rendered_by, rollout.update.differences)
    assert hash_manifest(world.rendered()) == rollout.update.revision


def test_what_waits_is_adopted_by_its_revision() -> None:
    world = serving()
    world.version = "2"
    update = world.decide().update
    assert update is not None
    world.pinned = update.revision
    rollout = world.reconcile()
    assert (update.revision, None, "2") == (rollout.applied_revision, rollout.update, rollout.operator_version)
    world.pinned = None
    assert update.revision == world.reconcile().applied_revision


def test_a_spec_that_changes_takes_what_is_rendered_now() -> None:
    world = serving()
    world.version = "2"
    world.want("b")
    rollout = world.reconcile()
    assert (hash_manifest(a_template("2", "b")), None) == (rollout.applied_revision, rollout.update)


def test_a_spec_that_comes_back_gets_the_very_pods_that_it_had() -> None:
    world = serving()
    first, inputs = world.decide(), world.plan.inputs
    world.want("b")
    world.reconcile()
    world.is_served()
    world.version = "2"
    world.want(inputs)
    rollout = world.reconcile()
    assert (first.applied_revision, first.pod_template) == (rollout.applied_revision, rollout.pod_template)
    assert 3 == world.records[rollout.base_revision].number


def test_an_earlier_revision_of_the_same_spec_is_chosen_by_its_name() -> None:
    world = serving()
    first = world.decide().base_revision
    world.version = "2"
    world.pinned = hash_manifest(world.rendered())
    world.reconcile()
    world.is_served()
    world.pinned = first
    assert first == world.reconcile().applied_revision


def test_a_revision_of_another_spec_is_not_chosen_and_nothing_is_said() -> None:
    world = serving()
    first = world.decide().base_revision
    world.want("b")
    world.pinned = first
    rollout = world.reconcile()
    assert (hash_manifest(a_template(inputs="b")), None) == (rollout.applied_revision, rollout.unknown_pin)


@pytest.mark.parametrize("nonsense", ["latest", "x" * 300, "../../etc", "0"])
def test_a_revision_that_nobody_knows_changes_nothing_and_is_told(nonsense: str) -> None:
    world = serving()
    before = world.decide().applied_revision
    world.pinned = nonsense
    rollout = world.reconcile()
    assert (before, None, nonsense) == (rollout.applied_revision, rollout.record, rollout.unknown_pin)


def test_a_restart_makes_new_pods_of_the_same_base_and_is_kept_with_nothing() -> None:
    world = serving()
    before = world.decide()
    world.restarted_at = "2026-11-26T12:00:00Z"
    rollout = world.reconcile()
    assert before.base_revision == rollout.base_revision
    assert before.applied_revision != rollout.applied_revision
    assert rollout.record is None
    annotations = rollout.pod_template["metadata"]["annotations"]
    assert {"nemotron.dev/restarted-at": "2026-11-26T12:00:00Z"} == annotations


@pytest.mark.parametrize("text", ["now", "x" * 200_000, "\u0000", "yesterday\nor so"])
def test_a_restart_at_no_sensible_time_is_a_restart_and_of_bounded_length(text: str) -> None:
    world = serving()
    before = world.decide().applied_revision
    world.restarted_at = text
    rollout = world.reconcile()
    assert before != rollout.applied_revision
    assert text[:64] == rollout.pod_template["metadata"]["annotations"]["nemotron.dev/restarted-at"]
    assert rollout.applied_revision == world.reconcile().applied_revision


def test_pods_of_a_record_that_was_lost_stay_as_they_are_while_an_update_waits() -> None:
    world = serving()
    before = world.decide().applied_revision
    world.version = "2"
    world.records.clear()
    rollout = world.reconcile()
    assert world.live is not None
    assert before == rollout.applied_revision == read_revision_of(world.live.template)
    assert {"dnsPolicy", "containers", "restartPolicy", "volumes"} == rollout.pod_template["spec"].keys()
    assert rollout.update is not None
    assert ("image vllm:1 -> vllm:2",) == rollout.update.differences
    assert "1" == world.records[rollout.base_revision].operator_version
    assert None is world.reconcile().record


def test_pods_of_one_record_that_was_lost_stay_although_an_older_one_is_kept() -> None:
    world = serving()
    world.version = "2"
    world.pinned = hash_manifest(world.rendered())
    world.reconcile()
    world.is_served()
    world.pinned = None
    world.version = "3"
    adopted = world.decide().base_revision
    del world.records[adopted]
    assert adopted == world.reconcile().applied_revision


def test_a_restart_of_pods_whose_record_was_lost_keeps_what_they_are() -> None:
    world = serving()
    before = world.decide().base_revision
    world.version, world.restarted_at = "2", "2026-11-26T12:00:00Z"
    world.records.clear()
    rollout = world.reconcile()
    assert (before, "vllm:1") == (rollout.base_revision, rollout.pod_template["spec"]["containers"][0]["image"])
    assert rollout.applied_revision == world.reconcile().applied_revision


def test_a_spec_that_changes_takes_the_new_render_although_all_records_are_lost() -> None:
    world = serving()
    world.version = "2"
    world.want("b")
    world.records.clear()
    assert hash_manifest(a_template("2", "b")) == world.reconcile().applied_revision


def test_a_deployment_that_somebody_deleted_comes_back_as_it_was() -> None:
    world = serving()
    before = world.decide().applied_revision
    world.version, world.live = "2", None
    assert before == world.reconcile().applied_revision


def test_a_field_that_says_what_was_decided_anyway_changes_no_pod_now_nor_later() -> None:
    """The inputs are others, and the same pods come of them: they are found by the inputs of now."""
    world = serving()
    before, world.rendered_as = world.decide().applied_revision, world.plan.inputs
    world.want("explicit")
    rollout = world.reconcile()
    assert (before, "explicit") == (rollout.applied_revision, world.records[rollout.base_revision].inputs)
    assert world.records[rollout.base_revision].has_served
    assert None is world.reconcile().record
    world.version = "2"
    assert before == world.reconcile().applied_revision


def test_a_failed_rollout_goes_back_to_what_served_and_stays_there() -> None:
    world = serving()
    before = world.decide()
    world.want("b")
    failing = world.reconcile()
    assert world.fails()
    rollout = world.reconcile()
    assert (before.applied_revision, failing.revision) == (rollout.applied_revision, rollout.revision)
    assert (before.inputs, before.base_revision) == (rollout.inputs, rollout.base_revision)
    assert rollout.failure is not None
    assert "CrashLoop" == rollout.failure.reason
    world.is_served()
    assert rollout.applied_revision == world.reconcile().applied_revision
    assert not world.fails()
    assert rollout.applied_revision == world.reconcile().applied_revision


def test_a_restart_tries_what_failed_once_more_and_it_may_fail_again() -> None:
    world = serving()
    world.want("b")
    failing = world.reconcile()
    world.fails()
    world.reconcile()
    world.is_served()
    world.restarted_at = "2026-11-26T12:00:00Z"
    again = world.reconcile()
    assert (failing.base_revision, None) == (again.base_revision, again.failure)
    assert world.fails()
    back = world.reconcile()
    assert (True, "vllm:1") == (back.failure is not None, back.pod_template["spec"]["containers"][0]["image"])
    assert again.revision == back.revision
    assert back.applied_revision == world.reconcile().applied_revision


def test_what_served_after_it_had_failed_counts_as_sound_whatever_becomes_of_the_restart() -> None:
    world = serving()
    world.want("b")
    failing = world.reconcile()
    world.fails()
    world.reconcile()
    world.restarted_at = "2026-11-26T12:00:00Z"
    world.reconcile()
    world.is_served()
    world.restarted_at = None
    rollout = world.reconcile()
    assert (failing.base_revision, None) == (rollout.applied_revision, rollout.failure)


def test_what_failed_gets_another_try_when_its_spec_comes_back() -> None:
    world = serving()
    inputs = world.plan.inputs
    world.want("b")
    failing = world.reconcile()
    world.fails()
    world.reconcile()
    world.is_served()
    world.want(inputs)
    world.reconcile()
    world.is_served()
    world.want("b")
    rollout = world.reconcile()
    assert (failing.applied_revision, None) == (rollout.applied_revision, rollout.failure)


def test_what_served_before_is_never_taken_back() -> None:
    world = serving()
    world.want("b")
    world.reconcile()
    world.is_served()
    assert not world.decide().can_go_back
    assert not world.fails()


def test_a_first_rollout_that_fails_has_nothing_to_go_back_to() -> None:
    world = World()
    world.reconcile()
    assert not world.fails()


def test_nothing_goes_back_to_weights_that_are_gone() -> None:
    world = serving()
    world.without_weights = frozenset({world.decide().base_revision})
    world.want("b")
    world.reconcile()
    assert not world.decide().can_go_back


def test_what_was_taken_back_serves_on_when_its_volume_goes() -> None:
    world = serving()
    first = world.decide().base_revision
    world.want("b")
    world.reconcile()
    world.fails()
    world.reconcile()
    world.is_served()
    world.without_weights = frozenset({first})
    assert first == world.reconcile().applied_revision


@pytest.mark.parametrize(("gpus", "expected"), [(8, False), (4, False), (16, True)])
def test_it_is_known_whether_going_back_takes_fewer_gpus(gpus: int, *, expected: bool) -> None:
    world = serving()
    world.gpus = gpus
    world.want("b")
    world.reconcile()
    assert expected == world.decide().saves_gpus_by_going_back


def test_old_records_go_and_never_the_one_that_serves_nor_the_last_that_did() -> None:
    world = serving()
    first = world.decide().base_revision
    for number in range(2 * KEPT_REVISIONS):
        world.want(f"attempt-{number}")
        world.reconcile()
    kept = set(world.records)
    assert first in kept
    assert KEPT_REVISIONS + len(("what served", "what is wanted", "what was live before")) == len(kept)


def test_a_version_that_somebody_wrote_is_told_in_bounded_length() -> None:
    world = serving()
    base_revision, record = next(iter(world.records.items()))
    world.records[base_revision] = replace(record, operator_version="x" * 5000)
    world.version = "2"
    rollout = world.decide()
    assert rollout.update is not None
    assert (64, 64) == (len(rollout.operator_version), len(rollout.update.rendered_by))
