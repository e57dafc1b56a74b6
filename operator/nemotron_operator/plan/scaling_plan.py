"""Who decides about the replicas, and by which numbers."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ActivationPlan:
    """What says that somebody asks while no engine runs."""

    query: str
    """PromQL."""
    threshold: str


@dataclass(frozen=True, slots=True)
class ScalingPlan:
    """What the scaler is told, and what is left to it."""

    by: Literal["HorizontalPodAutoscaler", "KEDA"]
    min_replicas: int
    max_replicas: int
    waiting_requests: int
    """Per replica."""
    kv_cache_usage_percent: int
    waiting_requests_metric: str
    """Under which name the custom metrics API has it."""
    kv_cache_usage_metric: str
    """Under which name the custom metrics API has it."""
    prometheus_url: str | None
    """Whom KEDA asks; None where nobody has to."""
    scale_down_delay_seconds: int
    start_seconds: int
    """Estimate of the time that an engine takes to start."""
    start_budget_seconds: int
    """How long a start may take before the kubelet ends it."""
    first_answer_seconds: int
    """How long a first replica may take to start and to answer, before anybody counts it as unused."""
    activation: ActivationPlan | None
    """None where at least one replica always runs."""
    spec_replicas: int
    """What the spec says beside it, and nobody uses."""
    has_target: bool
    """Whether there is something to scale already."""
    leaves_replicas: bool
    """Whether the number that is there is the scaler's, and is left as it is."""

    @property
    def least_replicas(self) -> int:
        """Count the replicas that make the whole ready, while any is wanted."""
        return max(1, self.min_replicas)

    @property
    def cooldown_seconds(self) -> int:
        """Count how long nobody may ask before the last replica goes: it loads for minutes before anybody can."""
        delay = self.scale_down_delay_seconds
        return max(delay, self.start_budget_seconds) if self.min_replicas == 0 else delay
