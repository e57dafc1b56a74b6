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
    """What the scaler is told."""

    by: Literal["HorizontalPodAutoscaler", "KEDA"]
    min_replicas: int
    max_replicas: int
    waiting_requests: int
    """Per replica."""
    kv_cache_usage_percent: int
    scale_down_delay_seconds: int
    activation: ActivationPlan | None
    """None where at least one replica always runs."""
