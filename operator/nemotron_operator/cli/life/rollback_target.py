"""To which revision a rollback goes, or why there is none. Pure."""

from collections.abc import Sequence

from nemotron_operator.cli.life.kept import KeptRevisions, find_named
from nemotron_operator.cli.life.spec_changes import list_changes
from nemotron_operator.plan.rollout import RevisionRecord


def choose_target(name: str, namespace: str, named: str | None, kept: KeptRevisions) -> RevisionRecord | str:
    """Choose the revision that somebody names, or the last before the desired one that served; else say why not."""
    history = f"`nemoctl history {name} -n {namespace}`"
    if not kept.records:
        return f"Nothing is kept of {name!r} yet: no pod of it was ever made. {history} lists what there is."
    chosen = _choose_named(named, kept, history) if named else _choose_last(name, kept, history)
    if isinstance(chosen, str) or kept.desired is None:
        return chosen
    if chosen.inputs != kept.desired.inputs and not list_changes(kept.desired.spec, chosen.spec):
        return (
            f"Revision {chosen.base_revision} has the same spec, but was made for weights that are elsewhere now. Name "
            "the commit or the volume that you want in spec.model.source."
        )
    return chosen


def describe(record: RevisionRecord) -> str:
    """Name a revision with what a person knows it by."""
    became = "served" if record.has_served else "never served"
    if record.failed is not None:
        became = f"failed: {record.failed.reason}"
    return (
        f"revision {record.base_revision}, number {record.number}, of {record.created_at}, by operator "
        f"{record.operator_version or 'unknown'}, {became}"
    )


def _choose_named(named: str, kept: KeptRevisions, history: str) -> RevisionRecord | str:
    found = find_named(kept, named)
    if len(found) == 1:
        return found[0]
    if found:
        return f"{named!r} is the beginning of {_list(found)}. Give more of it; {history} lists them."
    return f"No revision {named!r} is kept. There is: {_list(kept.records)}; {history} tells more of each."


def _choose_last(name: str, kept: KeptRevisions, history: str) -> RevisionRecord | str:
    desired = kept.desired
    others = [record for record in kept.records if desired is None or record.number < desired.number]
    served = [record for record in others if record.has_served and record.failed is None]
    if served:
        return served[-1]
    if others:
        return (
            f"No earlier revision of {name!r} has served: {_list(others)}. Name one with --to to bring it back all the "
            f"same; {history} tells more of each."
        )
    revision = desired.base_revision if desired else kept.records[-1].base_revision
    return f"Nothing earlier than revision {revision} of {name!r} is kept; {history} lists what there is."


def _list(records: Sequence[RevisionRecord]) -> str:
    return ", ".join(record.base_revision for record in records)
