"""What is known of the revisions of one resource before its rollout is decided."""

from dataclasses import dataclass

from nemotron_operator.plan.rollout import RevisionRecord, Strategy


@dataclass(frozen=True, slots=True)
class LiveServer:
    """The Deployment that is there."""

    revision: str
    """Of its pod template."""
    base_revision: str
    """The kept revision that its pods were made from; empty where nothing says."""
    inputs: str
    """What it was rendered for; empty where nothing says."""
    operator_version: str
    strategy: Strategy
    why: str
    replicas: int
    """Pods that it wants."""
    is_settled: bool
    """Whether all its pods are of its template and ready: no rollout is on its way."""
    is_short_of_gpus: bool = False
    """Whether a pod of its template finds no node for want of GPUs."""


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """What was observed of the revisions."""

    live: LiveServer | None = None
    records: tuple[RevisionRecord, ...] | None = None
    """What is kept, the newest last; None where nobody had to look: what is live is what is rendered."""
    pinned: str | None = None
    """The revision that somebody chose."""
    restarted_at: str | None = None
    """When somebody asked for new pods."""
