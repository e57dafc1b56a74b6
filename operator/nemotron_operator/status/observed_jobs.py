"""What was seen of Jobs, and what their programs said."""

from dataclasses import dataclass
from enum import Enum

from nemotron_operator.plan.facts import CachedModel, InspectedModel
from nemotron_operator.status.observed_pods import JobFailure, ObservedPod


class JobState(Enum):
    """How far a Job is."""

    ACTIVE = "Active"
    COMPLETE = "Complete"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class ObservedProgress:
    """How far a running cache Job says it is."""

    held_bytes: int
    """What the volume holds, of this attempt and earlier ones."""
    total_bytes: int
    """What it will hold; more than nothing, and no less than it holds."""
    bytes_per_second: int
    eta_seconds: int | None
    """None while nothing arrives."""

    @property
    def percent(self) -> int:
        """The share that is there, rounded down."""
        return self.held_bytes * 100 // self.total_bytes


@dataclass(frozen=True, slots=True)
class ObservedJob:
    """The cache Job."""

    name: str
    state: JobState
    failed_pods: int
    result: CachedModel | None
    failure: JobFailure | None
    """The last failure of a pod, also while the Job tries again."""
    created_at: str = ""
    """RFC 3339."""
    is_running: bool = False
    """Whether a pod of it runs now, and could be asked or looked at."""
    progress: ObservedProgress | None = None
    """None while no pod runs, and where its pod was not asked or did not answer."""


@dataclass(frozen=True, slots=True)
class ObservedInspection:
    """The Job that looks at weights of the user's."""

    name: str
    state: JobState
    failed_pods: int
    result: InspectedModel | None
    failure: JobFailure | None
    """The last failure of a pod, also while the Job tries again."""


@dataclass(frozen=True, slots=True)
class ObservedCheck:
    """A Job that reads every byte on the volume again."""

    name: str
    state: JobState
    failure: JobFailure | None
    """The last failure of a pod, also while the Job tries again."""
    pods: tuple[ObservedPod, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """An answer as it was expected, and how fast it came."""

    text: str
    """Its beginning."""
    time_to_first_token_milliseconds: int
    tokens_per_second: str | None
    """Text with one decimal, as the API has no floats; None for an answer of one token."""
    answered_at: str
    """RFC 3339."""


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What the engine said of itself."""

    kv_cache_tokens: int
    """Tokens that its KV cache holds."""
    max_concurrency: str | None
    """Sequences of full length at the same time, text with at most two decimals; None where vLLM does not say."""
    read_at: str
    """RFC 3339."""


@dataclass(frozen=True, slots=True)
class ObservedVerification:
    """A verification Job."""

    name: str
    state: JobState
    failed_pods: int
    answer: ModelAnswer | None
    """None before the Job is complete, and for one that ended without a report."""
    failure: JobFailure | None
    """The last failure of a pod, also while the Job tries again."""
    engine: EngineReport | None = None
    """What the engine said of itself, whatever the answer; None before the Job has ended, and where it was not read."""
