"""The revisions that are kept of one resource: which is desired, which serves, and which one somebody means."""

from collections.abc import Sequence
from dataclasses import dataclass

from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import identify, parse_status
from nemotron_operator.cli.cluster_access import explained
from nemotron_operator.cli.life.spec_changes import list_changes
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CONTROLLER_REVISION
from nemotron_operator.cluster.revisions import read_pinned_revision, read_records, read_restart
from nemotron_operator.constants import COMPONENT_LABEL, DEPLOYMENT_LABEL
from nemotron_operator.plan.rollout import RevisionRecord
from nemotron_operator.render.metadata import REVISION_COMPONENT, format_selector
from nemotron_operator.render.pod_revision import name_revision


@dataclass(frozen=True, slots=True)
class KeptRevisions:
    """What is kept of one resource."""

    records: tuple[RevisionRecord, ...]
    """The oldest first."""
    desired: RevisionRecord | None
    """What the spec asks for; None where nothing of it is kept yet: it is refused, or its weights are on the way."""
    serving: RevisionRecord | None
    """What serves; None where nothing does, or nothing that is kept."""
    pinned: str | None
    """The revision that somebody chose."""
    restarted_at: str | None
    """When somebody asked for new pods, as it was written."""

    def name_pods(self, record: RevisionRecord) -> str:
        """Name the revision of the pods that are made of a record now: a restart marks them."""
        return name_revision(record.base_revision, self.restarted_at)


async def read_kept(gateway: ClusterGateway, body: KubernetesObject) -> KeptRevisions:
    """Read what is kept of a resource.

    Raises
    ------
    OperatorError
        The credentials do not suffice; the message names the way out.
    """
    identity = identify(body)
    selector = format_selector({DEPLOYMENT_LABEL: identity.name, COMPONENT_LABEL: REVISION_COMPONENT})
    with explained("list", CONTROLLER_REVISION, identity.namespace):
        listed, _ = await gateway.list_all(CONTROLLER_REVISION, identity.namespace, selector)
    records, status = read_records(identity, listed), parse_status(body)
    restarted_at = read_restart(body)
    return KeptRevisions(
        records=records,
        desired=_find_desired(records, body, status, restarted_at),
        serving=_find_by_pods(records, status.serving_revision, restarted_at),
        pinned=read_pinned_revision(body),
        restarted_at=restarted_at,
    )


def find_named(kept: KeptRevisions, named: str) -> tuple[RevisionRecord, ...]:
    """Find what somebody may mean by a number, a revision, or the beginning of one, as history or status has it."""
    numbered = tuple(record for record in kept.records if str(record.number) == named)
    beginnings = tuple(record for record in kept.records if record.base_revision.startswith(named))
    return numbered or beginnings or tuple(record for record in kept.records if kept.name_pods(record) == named)


def _find_desired(
    records: Sequence[RevisionRecord],
    body: KubernetesObject,
    status: NemotronDeploymentStatus,
    restarted_at: str | None,
) -> RevisionRecord | None:
    """Find what the spec asks for: the operator gives it the highest number."""
    if not records:
        return None
    if status.observed_generation < body["metadata"].get("generation", 0):  # the operator has yet to look
        same = [record for record in records if not list_changes(record.spec, body["spec"])]
        pinned = read_pinned_revision(body)
        return next((record for record in same if record.base_revision == pinned), same[-1] if same else None)
    if status.desired_revision is None:
        return None
    return _find_by_pods(records, status.desired_revision, restarted_at) or records[-1]


def _find_by_pods(
    records: Sequence[RevisionRecord], revision: str | None, restarted_at: str | None
) -> RevisionRecord | None:
    """Find the record that pods were made from, before the last restart or after it."""
    found = (
        record
        for record in records
        if revision in {record.base_revision, name_revision(record.base_revision, restarted_at)}
    )
    return next(found, None)
