"""What is kept of the revisions of one resource, and which of it counts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nemotron_operator.plan.rollout import RevisionRecord
from nemotron_operator.render.pod_revision import name_revision, read_restart_mark, unmark_pods
from nemotron_operator.rollout.facts import LiveServer, RolloutFacts

KEPT_REVISIONS = 5
"""How many revisions are kept beside the one that serves."""


@dataclass(frozen=True, slots=True)
class History:
    """The kept revisions, the newest last."""

    records: tuple[RevisionRecord, ...]
    """With that of what is live, if it was lost."""
    newest_number: int
    """Of those that are written; 0 where none is."""
    lost: RevisionRecord | None
    """What is live, where its record was lost: it has to be written again."""
    live_base_revision: str
    """What is live; empty where nothing is."""
    without_weights: frozenset[str]

    @staticmethod
    def of(facts: RolloutFacts, inputs: str, spec: Mapping[str, Any]) -> "History":
        """Order what is kept, and add what is live if it is not among it although it was made for the same inputs."""
        stored = sorted(facts.records or (), key=lambda record: (record.number, record.base_revision))
        newest_number = stored[-1].number if stored else 0
        live = facts.live
        is_kept = live is None or any(_is_of(live, record.base_revision) for record in stored)
        lost = None if is_kept or live is None else _restore(live, newest_number + 1, inputs, spec)
        records = (*stored, lost) if lost is not None else tuple(stored)
        base_revision = live.base_revision if live else ""
        return History(records, newest_number, lost, base_revision, facts.without_weights)

    def choose(self, fresh: RevisionRecord, pinned: str | None) -> tuple[RevisionRecord, bool]:
        """Choose what the spec asks for, and tell whether it has to be written, or its number to be raised.

        Parameters
        ----------
        fresh
            What is rendered now.
        pinned
            The revision that somebody chose; one for other inputs, or that nobody knows, counts as none.
        """
        of_inputs = [record for record in self.records if record.inputs == fresh.inputs]
        fresh = self._know(fresh)
        candidates = [*of_inputs, fresh]
        chosen = next((record for record in candidates if record.base_revision == pinned), None)
        wanted = chosen or (of_inputs[-1] if of_inputs else fresh)
        is_in_force = wanted is not self.lost and 0 < wanted.number == self.newest_number
        if is_in_force and wanted.inputs == self._inputs_of(wanted):
            return wanted, False
        # What failed once gets another try when somebody comes back to it.
        return replace(wanted, number=self.newest_number + 1, failed=None), True

    def find_earlier(self, wanted: RevisionRecord) -> RevisionRecord | None:
        """Find the last other revision that served and did not fail since, and whose weights may still be there."""
        served = [
            record
            for record in self.records
            if record.has_served
            and record.failed is None
            and record.base_revision != wanted.base_revision
            and (record.base_revision not in self.without_weights or record.base_revision == self.live_base_revision)
        ]
        return served[-1] if served else None

    def find_unknown_pin(self, fresh: RevisionRecord, pinned: str | None) -> str | None:
        """Find that somebody chose a revision that is neither kept, for whatever inputs, nor rendered now."""
        known = {fresh.base_revision, *(record.base_revision for record in self.records)}
        return None if pinned is None or pinned in known else pinned

    def list_forgotten(self, wanted: RevisionRecord) -> tuple[str, ...]:
        """List what is beyond the history: never what is applied, nor what serves, nor the last that served well."""
        earlier = self.find_earlier(wanted)
        needed = {wanted.base_revision, self.live_base_revision, earlier.base_revision if earlier else ""}
        old = [record.base_revision for record in self.records if record.base_revision not in needed]
        return tuple(old[: max(0, len(old) - KEPT_REVISIONS)])

    def _know(self, fresh: RevisionRecord) -> RevisionRecord:
        """Take over what is known of the same pods, if they were rendered for other inputs before."""
        same = next((record for record in self.records if record.base_revision == fresh.base_revision), None)
        return replace(same, inputs=fresh.inputs) if same is not None else fresh

    def _inputs_of(self, wanted: RevisionRecord) -> str:
        return next(record.inputs for record in self.records if record.base_revision == wanted.base_revision)


def _is_of(live: LiveServer, base_revision: str) -> bool:
    """Tell whether the pods that are live were made from a revision: what is told of them beside may be anybody's."""
    return live.revision == name_revision(base_revision, read_restart_mark(live.template))


def _restore(live: LiveServer, number: int, inputs: str, spec: Mapping[str, Any]) -> RevisionRecord | None:
    """Make the record of what is live anew; None where it is for other inputs, or nothing sound says what it is."""
    if live.inputs != inputs or not _is_of(live, live.base_revision):
        return None
    template = unmark_pods(live.template)
    worker = None if live.worker_template is None else unmark_pods(live.worker_template)
    return RevisionRecord(
        base_revision=live.base_revision,
        number=number,
        inputs=inputs,
        template=template,
        spec=spec,
        operator_version=live.operator_version,
        worker_template=worker,
        group_size=live.group_size,
    )
