"""Choose the pods that shall serve: as they are rendered now, or as they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nemotron_operator.plan.rollout import FailedRevision, RevisionRecord, WaitingUpdate
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.metadata import hash_manifest, read_revision_of
from nemotron_operator.render.pod_revision import mark_pods, mark_workers, name_revision, without_worker_mark
from nemotron_operator.render.server_pod import PodTemplate
from nemotron_operator.rollout.capacity import count_gpus
from nemotron_operator.rollout.differences import list_differences
from nemotron_operator.rollout.facts import RolloutFacts
from nemotron_operator.rollout.history import History

LONGEST_VERSION = 64
"""Characters of an operator's version that the status tells."""


@dataclass(frozen=True, slots=True)
class ChosenRevision:
    """Which pods shall serve."""

    record: RevisionRecord
    """What is applied."""
    template: PodTemplate
    """The same, marked and labelled."""
    worker_template: PodTemplate | None
    """That of the pods which they lead, likewise."""
    desired_revision: str
    """The revision that the spec asks for."""
    is_new: bool
    """Whether the record has to be written, or its number to be raised."""
    update: WaitingUpdate | None = None
    failure: FailedRevision | None = None
    can_go_back: bool = False
    saves_gpus_by_going_back: bool = False
    is_unproven: bool = False
    unknown_pin: str | None = None
    forgotten: tuple[str, ...] = ()

    @property
    def revision(self) -> str:
        """The revision that is applied."""
        return read_revision_of(self.template)


def choose_revision(  # noqa: PLR0913 - what is rendered, what it was rendered for, and what is there
    plan: ServingPlan,
    rendered: PodTemplate,
    spec: Mapping[str, Any],
    version: str,
    facts: RolloutFacts,
    *,
    workers: PodTemplate | None = None,
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
    workers
        The template of the pods that those lead; None where each serves alone.

    Notes
    -----
    Of what is kept for the same inputs, the newest counts: so a new operator, or a new default, changes no pod until
    the spec does or somebody adopts it, and a spec that comes back gets the very pods that it had. Where the record of
    what is live was lost, what is live counts as kept.
    """
    fresh = RevisionRecord(
        base_revision=hash_manifest(rendered),
        number=0,
        inputs=plan.inputs,
        template=rendered,
        spec=spec,
        operator_version=version,
        worker_template=workers,
        group_size=1 if workers is None else plan.nodes,
    )
    if facts.records is None:  # what is live is what is rendered
        return _take(fresh, facts, is_new=False)
    history = History.of(facts, plan.inputs, spec)
    wanted, is_new = history.choose(fresh, facts.pinned)
    earlier = history.find_earlier(wanted)
    update, unknown_pin = _find_update(wanted, fresh), history.find_unknown_pin(fresh, facts.pinned)
    desired_revision = name_revision(wanted.base_revision, facts.restarted_at)
    failure = _find_failure(wanted, desired_revision)
    if failure is not None and earlier is not None:
        back = _take(earlier, facts, is_new=False)
        return replace(back, update=update, unknown_pin=unknown_pin, desired_revision=desired_revision, failure=failure)
    can_go_back = earlier is not None and not wanted.has_served
    return replace(
        _take(wanted, facts, is_new=is_new),
        update=update,
        unknown_pin=unknown_pin,
        can_go_back=can_go_back,
        saves_gpus_by_going_back=can_go_back and earlier is not None and _takes_fewer_gpus(plan, earlier, wanted),
        is_unproven=not wanted.has_served,
        forgotten=history.list_forgotten(wanted) if is_new else (),
    )


def _take(record: RevisionRecord, facts: RolloutFacts, *, is_new: bool) -> ChosenRevision:
    template = mark_pods(record.template, record.base_revision, facts.restarted_at)
    workers = mark_workers(record.worker_template, record.base_revision, facts.restarted_at)
    return ChosenRevision(record, template, workers, read_revision_of(template), is_new=is_new)


def _find_failure(wanted: RevisionRecord, desired_revision: str) -> FailedRevision | None:
    """Find that these very pods failed; pods that were restarted since get another try, and served ones stay."""
    failed = wanted.failed
    is_current = failed is not None and failed.revision == desired_revision and not wanted.has_served
    return failed if is_current else None


def _takes_fewer_gpus(plan: ServingPlan, earlier: RevisionRecord, wanted: RevisionRecord) -> bool:
    resource = plan.pod.gpu_resource
    return _count_gpus(earlier, resource) < _count_gpus(wanted, resource)


def _count_gpus(record: RevisionRecord, resource: str) -> int:
    """Count the GPUs of a replica: those of all its pods, which take the same."""
    return record.group_size * count_gpus(record.template, resource)


def _find_update(wanted: RevisionRecord, fresh: RevisionRecord) -> WaitingUpdate | None:
    if wanted.base_revision == fresh.base_revision:
        return None
    return WaitingUpdate(
        revision=fresh.base_revision,
        rendered_by=wanted.operator_version[:LONGEST_VERSION],
        differences=_list_differences(wanted, fresh),
    )


def _list_differences(wanted: RevisionRecord, fresh: RevisionRecord) -> tuple[str, ...]:
    """List what differs of the pods that serve, and where they are the same, of those that they lead."""
    if wanted.worker_template is None or fresh.worker_template is None:
        return list_differences(wanted.template, fresh.template)
    leaders = list_differences(without_worker_mark(wanted.template), without_worker_mark(fresh.template))
    return leaders or list_differences(wanted.worker_template, fresh.worker_template)
