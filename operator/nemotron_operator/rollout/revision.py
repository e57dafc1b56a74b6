"""Choose the pods that shall serve: as they are rendered now, or as they are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nemotron_operator.plan.rollout import FailedRevision, RevisionRecord, WaitingUpdate
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.metadata import hash_manifest, read_revision_of
from nemotron_operator.render.server_pod import PodTemplate, label_revision, mark_restart
from nemotron_operator.rollout.differences import list_differences
from nemotron_operator.rollout.facts import LiveServer, RolloutFacts

KEPT_REVISIONS = 5
"""How many revisions are kept beside the one that serves."""


@dataclass(frozen=True, slots=True)
class ChosenRevision:
    """Which pods shall serve."""

    record: RevisionRecord
    """What is applied."""
    template: PodTemplate
    """The same, marked and labelled."""
    desired_revision: str
    """The revision that the spec asks for."""
    is_new: bool
    """Whether the record has to be written, or its number to be raised."""
    update: WaitingUpdate | None = None
    failure: FailedRevision | None = None
    can_go_back: bool = False
    forgotten: tuple[str, ...] = ()

    @property
    def revision(self) -> str:
        """The revision that is applied."""
        return read_revision_of(self.template)


def choose_revision(
    plan: ServingPlan, rendered: PodTemplate, spec: Mapping[str, Any], version: str, facts: RolloutFacts
) -> ChosenRevision:
    """Choose the pods of one resource.

    Parameters
    ----------
    rendered
        The template as this operator renders it, without the label of its revision.
    spec
        The resource's spec as its user wrote it, to be kept beside the template.
    version
        Of this operator.

    Notes
    -----
    Of what is kept for the same inputs, the newest counts: so a new operator, or a new default, changes no pod until
    the spec does or somebody adopts it, and a spec that comes back gets the very pods that it had.
    """
    fresh = RevisionRecord(hash_manifest(rendered), 0, plan.inputs, rendered, spec, version)
    records = sorted(facts.records or (), key=lambda record: record.number)
    wanted, is_new = _choose_wanted(fresh, records, facts)
    desired = label_revision(mark_restart(wanted.template, facts.restarted_at))
    desired_revision = read_revision_of(desired)
    earlier = _find_earlier(wanted, records)
    failure = wanted.failed if wanted.failed and wanted.failed.revision == desired_revision else None
    if failure is not None and earlier is not None:
        template = label_revision(mark_restart(earlier.template, facts.restarted_at))
        return ChosenRevision(earlier, template, desired_revision, is_new=False, failure=failure)
    return ChosenRevision(
        record=wanted,
        template=desired,
        desired_revision=desired_revision,
        is_new=is_new,
        update=_find_update(wanted, fresh),
        can_go_back=earlier is not None and not wanted.has_served,
        forgotten=_list_forgotten(wanted, records, facts.live) if is_new else (),
    )


def _choose_wanted(
    fresh: RevisionRecord, records: Sequence[RevisionRecord], facts: RolloutFacts
) -> tuple[RevisionRecord, bool]:
    if facts.records is None:
        return fresh, False  # what is live is what is rendered
    newest_number = records[-1].number if records else 0
    of_inputs = [record for record in records if record.inputs == fresh.inputs]
    pinned = _find_pinned(facts, fresh, of_inputs)
    wanted = pinned or (of_inputs[-1] if of_inputs else fresh)
    if wanted.number == newest_number and records:
        return wanted, False
    return replace(wanted, number=newest_number + 1), True


def _find_pinned(
    facts: RolloutFacts, fresh: RevisionRecord, of_inputs: Sequence[RevisionRecord]
) -> RevisionRecord | None:
    """Find what somebody chose; a choice that is for other inputs, or is not kept any more, counts as none."""
    if facts.pinned is None:
        return None
    kept = next((record for record in of_inputs if record.base_revision == facts.pinned), None)
    return kept or (fresh if fresh.base_revision == facts.pinned else None)


def _find_earlier(wanted: RevisionRecord, records: Sequence[RevisionRecord]) -> RevisionRecord | None:
    """Find the last revision before this one that served, and did not fail since."""
    served = [
        record
        for record in records
        if record.has_served and record.failed is None and record.base_revision != wanted.base_revision
    ]
    return served[-1] if served else None


def _find_update(wanted: RevisionRecord, fresh: RevisionRecord) -> WaitingUpdate | None:
    if wanted.base_revision == fresh.base_revision:
        return None
    return WaitingUpdate(
        revision=fresh.base_revision,
        rendered_by=wanted.operator_version,
        differences=list_differences(wanted.template, fresh.template),
    )


def _list_forgotten(
    wanted: RevisionRecord, records: Sequence[RevisionRecord], live: LiveServer | None
) -> tuple[str, ...]:
    """List what is beyond the history: never what is applied, nor what serves, nor the last that served well."""
    earlier = _find_earlier(wanted, records)
    kept = {wanted.base_revision, live.base_revision if live else "", earlier.base_revision if earlier else ""}
    old = [record.base_revision for record in records if record.base_revision not in kept]
    return tuple(old[: max(0, len(old) - KEPT_REVISIONS)])
