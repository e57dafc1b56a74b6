"""What is known of the revisions of one resource before its rollout is decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nemotron_operator.plan.rollout import RevisionRecord, Strategy


@dataclass(frozen=True, slots=True)
class LivePod:
    """One pod that serves or is to serve, and has a node."""

    node: str
    gpus: int
    """What it holds of the GPU resource."""
    is_leaving: bool = False
    """Whether it was told to go: it holds its GPUs until it is gone."""
    claims: frozenset[str] = frozenset()
    """Names of the volume claims that it mounts."""
    group: str = ""
    """Which group of pods it belongs to; empty where it is a replica alone."""


@dataclass(frozen=True, slots=True)
class LiveServer:
    """The Deployment that is there, or the LeaderWorkerSet."""

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
    """Whether all its pods are of its template and ready, or with a scaler enough of them: no rollout is on its way."""
    is_short_of_gpus: bool = False
    """Whether a pod of its template finds no node for want of GPUs."""
    ready_pods: int = 0
    """Pods that serve, of whatever revision."""
    pods: tuple[LivePod, ...] = ()
    """Its pods that have a node, those among them that others lead."""
    template: Mapping[str, Any] = field(default_factory=lambda: {"metadata": {}})
    """Its pod template as the API server shows it, with defaults written out."""
    worker_template: Mapping[str, Any] | None = None
    """That of the pods which they lead; None where each serves alone."""
    group_size: int = 1
    """Pods of one replica."""


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
    without_weights: frozenset[str] = frozenset()
    """Base revisions of the kept ones whose weights are known to be gone: their pods would not start."""
