"""What a rollout comes to: which pods shall serve, and how they replace those that do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Strategy = Literal["Surge", "Replace"]
"""Start the new replica first, or stop the old one first."""


@dataclass(frozen=True, slots=True)
class FailedRevision:
    """A revision whose rollout failed and was taken back."""

    revision: str
    """Hash of its pod template."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RevisionRecord:
    """One rendered pod template, as it is kept in a ControllerRevision: it outlives the operator that rendered it."""

    base_revision: str
    """Hash of the template as it was rendered, before a restart marks it: the record's name ends with it."""
    number: int
    """Of several records for the same inputs the one with the highest number counts."""
    inputs: str
    """Hash of what the user and the volume decide about the pods."""
    template: Mapping[str, Any]
    """The pod template as it was rendered, without the label of its revision."""
    spec: Mapping[str, Any]
    """The spec of the resource that it was rendered for, which a rollback brings back."""
    operator_version: str
    created_at: str = ""
    """RFC 3339; empty for one that is not kept yet."""
    has_served: bool = False
    """Whether all its replicas served at some time."""
    failed: FailedRevision | None = None
    worker_template: Mapping[str, Any] | None = None
    """The template of the pods that a serving pod leads, as it was rendered; None where each serves alone."""
    group_size: int = 1
    """Pods of one replica."""


@dataclass(frozen=True, slots=True)
class WaitingUpdate:
    """Other pods that this operator would render for the same spec."""

    revision: str
    """Their revision, which the annotation `nemotron.dev/revision` adopts."""
    rendered_by: str
    """Version of the operator that rendered the pods in force."""
    differences: tuple[str, ...]
    """What would change, each in words."""


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """Which pods shall serve, and how they replace those that do."""

    revision: str
    """The revision that the spec asks for."""
    applied_revision: str
    """The revision of `pod_template`: another than `revision` only where that failed and was taken back."""
    pod_template: Mapping[str, Any]
    """The template that is applied, labelled with its revision."""
    base_revision: str
    """Name of the record of that template."""
    inputs: str
    """Inputs of the record: those of the spec, but for a revision that was taken back."""
    operator_version: str
    """Version of the operator that rendered it."""
    strategy: Strategy
    why: str
    """Why that strategy, in a sentence."""
    record: RevisionRecord | None = None
    """What has to be kept before the template is applied; None where it is kept already."""
    forgotten: tuple[str, ...] = ()
    """Base revisions whose records are old enough to be deleted."""
    update: WaitingUpdate | None = None
    """None where this operator renders what serves."""
    failure: FailedRevision | None = None
    """Why `revision` was taken back; None while it may serve."""
    can_go_back: bool = False
    """Whether an earlier revision that served is kept, to which a rollout that fails can go back."""
    saves_gpus_by_going_back: bool = False
    """Whether a replica of that earlier revision takes fewer GPUs."""
    is_unproven: bool = False
    """Whether it is known that the record does not say yet that all its replicas served."""
    worker_template: Mapping[str, Any] | None = None
    """The template of the pods that a serving pod leads, labelled likewise; None where each serves alone."""
    group_size: int = 1
    """Pods of one replica: more than one are a group of a LeaderWorkerSet."""
    unknown_pin: str | None = None
    """The revision that somebody chose, where it is neither kept nor what is rendered now."""
