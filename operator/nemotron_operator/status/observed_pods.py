"""What was seen of pods: plain values, no API objects."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a program gave up, in its own words."""

    reason: str
    message: str


VOLUME_CONFLICTS = (
    "volume node affinity conflict",
    "match PersistentVolume's node affinity",
    "no available volume zone",
)
"""What the scheduler says of nodes from which a volume cannot be reached: until Kubernetes 1.32, since then, and of
volumes that have a zone in their labels (pkg/scheduler/framework/plugins, volumebinding and volumezone)."""


ENDS_OF_A_LOOP = 2
"""A container that ended this often may be in a loop."""


BACK_OFF = "CrashLoopBackOff"
"""Why a container waits that ended soon after its last start, as the kubelet says it."""


KILLED_EXIT_CODES = frozenset({0, 128 + 9, 128 + 15})
"""How an engine ends that is told to, by SIGTERM or then SIGKILL. By itself it never ends well."""


_ENDS_OF_THE_NODE = frozenset({"", "OOMKilled", "ContainerStatusUnknown"})
"""Reasons of ends that nobody asked for: none, the kernel's, and that of a container that a node lost when it started
again."""


KILL_SECONDS = 60
"""How much longer than it should a kubelet may take to end a container, in seconds."""


@dataclass(frozen=True, slots=True)
class ContainerRun:
    """The last run of a container that has ended, in seconds."""

    seconds: int | None = None
    """How long it was; None where the kubelet does not say."""
    startup_budget_seconds: int | None = None
    """How long its startup probe waits; None without one."""
    grace_seconds: int = 0
    """How long it may take to end after that."""

    @property
    def has_served(self) -> bool:
        """Whether it ran for longer than the kubelet waits for a start."""
        return self.seconds is not None and self._latest_end is not None and self.seconds > self._latest_end

    @property
    def has_reached_budget(self) -> bool:
        """Whether it ended about when its startup probe gave up."""
        if self.seconds is None or self._latest_end is None or self.startup_budget_seconds is None:
            return False
        return self.startup_budget_seconds - KILL_SECONDS / 2 <= self.seconds <= self._latest_end

    @property
    def _latest_end(self) -> int | None:
        budget = self.startup_budget_seconds
        return None if budget is None else budget + self.grace_seconds + KILL_SECONDS


@dataclass(frozen=True, slots=True)
class ContainerTrouble:
    """Why a container is not running, as the kubelet says it."""

    waiting_reason: str
    """Such as `CrashLoopBackOff`, `ImagePullBackOff`, `CreateContainerConfigError`; empty when it is not waiting."""
    waiting_message: str
    last_reason: str
    """How the container last ended, such as `Error` or `OOMKilled`; empty when it never did."""
    last_exit_code: int
    last_message: str
    """The container's own last words."""
    restarts: int
    is_start_check: bool = False
    """Whether it is the container that verifies the weights before the engine starts."""
    check_failure: JobFailure | None = None
    """Why it did not, in its own words; None for every other container."""
    container: str = "vllm"
    has_just_ended: bool = False
    """Whether it has ended and is not started again yet."""
    last_run: ContainerRun = ContainerRun()
    ended_at: str = ""
    """When it last ended, RFC 3339; empty where the kubelet does not say."""

    @property
    def ends(self) -> int:
        """How often it ended: a restart is counted when it begins."""
        return self.restarts + (self.has_just_ended or self.waiting_reason == BACK_OFF)

    @property
    def is_in_loop(self) -> bool:
        """Whether it ends again and again before it serves; once may be a bad moment, twice in a long life too."""
        return self.ends >= ENDS_OF_A_LOOP and (self.waiting_reason == BACK_OFF or not self.last_run.has_served)

    @property
    def was_killed(self) -> bool:
        """Whether it ended because it was told to."""
        return self.last_reason not in _ENDS_OF_THE_NODE and self.last_exit_code in KILLED_EXIT_CODES


@dataclass(frozen=True, slots=True)
class ObservedPod:
    """One pod of the resource."""

    name: str
    revision: str
    created_at: str
    """RFC 3339."""
    ready: bool
    unschedulable: str
    """The scheduler's message; empty when the pod has a node."""
    trouble: ContainerTrouble | None
    model_image: str = ""
    """The image with weights that it mounts; empty for none."""
    node: str = ""
    """Empty while it has none."""
    deployment: str = ""
    """The resource that it belongs to."""
    has_probe: bool = False
    """Whether a container beside the engine asks it whether it is well."""
    is_out_of_reach: bool = False
    """Whether its node reports no more."""
    group: str = ""
    """Which group of pods it belongs to; empty where it is a replica alone."""
    is_held_back: bool = False
    """Whether somebody keeps the scheduler from it, such as Kueue while its queue has no room."""
    unready: str = ""
    """Why it is not ready although its engine runs and has served since its last start, in the kubelet's words; empty
    for every other pod."""

    @property
    def is_kept_from_volume(self) -> bool:
        """Tell whether the scheduler finds no node from which its volume can be reached."""
        return any(words in self.unschedulable for words in VOLUME_CONFLICTS)


@dataclass(frozen=True, slots=True)
class FailedPod:
    """A pod that ended for ever, and waits to be collected: another has taken its place."""

    name: str
    revision: str
    reason: str
    """Such as `Evicted`."""
    message: str
    """The kubelet's words."""
    ended_at: str
    """RFC 3339."""
    node: str = ""
    group: str = ""
    """Which group of pods it belongs to; empty where it was a replica alone."""
    is_lost: bool = False
    """Whether it was told to go, and its node reports no more: it stays until the node is back or gone."""
