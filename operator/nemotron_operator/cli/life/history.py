"""`nemoctl history`: the revisions that are kept of a model's pods. It reads and never writes."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any

from nemotron_operator.api.conditions import ConditionType
from nemotron_operator.api.v1alpha1 import parse_status
from nemotron_operator.cli.cluster_access import ClusterTarget, open_gateway
from nemotron_operator.cli.existing import get_deployment
from nemotron_operator.cli.life.kept import KeptRevisions, read_kept
from nemotron_operator.cli.life.spec_changes import SpecChange, list_changes
from nemotron_operator.cli.life.waiting import find_condition
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.plan.rollout import RevisionRecord
from nemotron_operator.rollout.differences import list_differences


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One kept revision beside the others."""

    record: RevisionRecord
    is_serving: bool
    is_desired: bool
    is_pinned: bool
    is_first: bool
    """Whether nothing older is kept: what it changed is not known any more."""
    spec_changes: tuple[SpecChange, ...]
    """What its spec changes against the one before."""
    pod_changes: tuple[str, ...]
    """What its pods change against those, in words."""

    def list_changes(self) -> tuple[str, ...]:
        """List what it changed against the one before; in the pods where the spec is the same."""
        if self.is_first:
            return ()
        return tuple(change.describe() for change in self.spec_changes) or self.pod_changes

    def as_json(self) -> dict[str, Any]:
        """Write it for programs, with the whole spec."""
        record = self.record
        return {
            "number": record.number,
            "revision": record.base_revision,
            "createdAt": record.created_at,
            "operatorVersion": record.operator_version,
            "serving": self.is_serving,
            "desired": self.is_desired,
            "pinned": self.is_pinned,
            "hasServed": record.has_served,
            "failed": asdict(record.failed) if record.failed else None,
            "specChanges": [asdict(change) for change in self.spec_changes],
            "podChanges": list(self.pod_changes),
            "spec": dict(record.spec),
        }


def show_history(name: str, target: ClusterTarget, output: OutputFormat) -> None:
    """Read what is kept of one model and write it, the newest last.

    Raises
    ------
    OperatorError
        There is no such deployment, or the cluster cannot be asked; the message names the way out.
    """
    body, kept = asyncio.run(_read(name, target))
    entries = list_entries(kept)
    if output.is_for_programs:
        write_document([entry.as_json() for entry in entries], output)
        return
    if entries:
        from nemotron_operator.cli.life.history_table import print_history

        print_history(entries, is_wide=output == OutputFormat.WIDE)
    for remark in _list_remarks(body, kept):
        say(remark)


def list_entries(kept: KeptRevisions) -> list[HistoryEntry]:
    """Hold each kept revision against the one before."""
    entries = []
    before: RevisionRecord | None = None
    for record in kept.records:
        entries.append(
            HistoryEntry(
                record=record,
                is_serving=record is kept.serving,
                is_desired=record is kept.desired,
                is_pinned=record.base_revision == kept.pinned,
                is_first=before is None,
                spec_changes=list_changes(before.spec, record.spec) if before else (),
                pod_changes=list_differences(before.template, record.template) if before else (),
            )
        )
        before = record
    return entries


async def _read(name: str, target: ClusterTarget) -> tuple[KubernetesObject, KeptRevisions]:
    async with open_gateway(target) as gateway:
        body = await get_deployment(gateway, target.choose_one_namespace(), name)
        return body, await read_kept(gateway, body)


def _list_remarks(body: KubernetesObject, kept: KeptRevisions) -> list[str]:
    """Tell what the table cannot: a spec without a revision, and pods that nothing is kept of."""
    status, name = parse_status(body), body["metadata"]["name"]
    remarks = []
    if kept.desired is None:
        generation = body["metadata"].get("generation", 0)
        ready = find_condition(status, ConditionType.READY)
        why = f" {ready.message}" if ready else ""
        if status.observed_generation < generation:
            why = " The operator has yet to look at it."
        remarks.append(f"The spec of {name!r}, generation {generation}, has no revision yet.{why}")
    elif kept.restarted_at:
        restarted, base = kept.name_pods(kept.desired), kept.desired.base_revision
        remarks.append(f"Since the restart at {kept.restarted_at} the status calls the pods of {base} {restarted}.")
    if status.serving_revision and kept.serving is None:
        remarks.append(f"The pods that serve, of revision {status.serving_revision}, are from before the last restart.")
    return remarks
