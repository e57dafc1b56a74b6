"""What was seen of what makes the serving pods, and of what decides how many."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroupFailures:
    """What is remembered of groups that were made anew since all of them served."""

    revision: str
    """Of the pods that failed."""
    times: int
    reason: str
    message: str
    """Why the last one was."""
    at: str
    """When that was, RFC 3339."""


@dataclass(frozen=True, slots=True)
class ObservedServer:
    """The Deployment, or the LeaderWorkerSet."""

    replicas: int
    """Pods that exist, old and new."""
    is_observed: bool
    """Whether its controller has seen the newest spec."""
    deadline_message: str
    """Set when the rollout exceeded its progress deadline."""
    is_scaled_to_zero: bool = False
    """Whether it is to make no pod."""
    is_paused: bool = False
    """Whether somebody told its controller to replace no pod."""
    is_unanswered: bool = False
    """Whether a controller that has to see the newest spec has not, for longer than it takes."""
    seconds_to_deadline: float | None = None
    """In how many seconds it may be late, or unanswered, which nobody reports; None where there is nothing to wait
    for, and for a Deployment, whose controller reports it."""
    kind: str = "Deployment"
    group_failures: GroupFailures | None = None
    """None where each pod is a replica, which its kubelet starts again and counts."""
    refusal: str = ""
    """Why pods that are missing may not be made, in the API server's words; a LeaderWorkerSet does not say."""
    refusal_lasts: bool = False
    """Whether that has been so for minutes, and no pod that could make room is on its way out."""


@dataclass(frozen=True, slots=True)
class ScalerTrouble:
    """Why a scaler does not scale."""

    words: str
    """Its own."""
    lacks_metrics: bool
    """Whether it does not get the numbers that it decides by."""


@dataclass(frozen=True, slots=True)
class ObservedScaler:
    """A HorizontalPodAutoscaler, or a ScaledObject of KEDA."""

    kind: str
    has_looked: bool
    """Whether its controller has said anything of it."""
    is_at_most: bool
    """Whether it would take more replicas than it may."""
    trouble: ScalerTrouble | None
