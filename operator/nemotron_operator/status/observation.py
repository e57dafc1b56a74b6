"""What was seen after applying: plain values, no API objects."""

from dataclasses import dataclass
from enum import Enum

from nemotron_operator.plan.facts import CachedModel, InspectedModel
from nemotron_operator.plan.node_pool import NodeGpus


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
    """When that was seen, RFC 3339."""


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


@dataclass(frozen=True, slots=True)
class ObservedClaim:
    """The volume."""

    name: str
    bound: bool
    place: str = ""
    """From where it can be reached, in words, such as a zone; looked up only when a pod cannot get there."""


@dataclass(frozen=True, slots=True)
class ObservedParent:
    """What one controller says of a route or a pool that shall lead from its Gateway."""

    gateway: str
    """The Gateway's name."""
    namespace: str
    section_name: str | None
    """The listener; None for all that fit."""
    controller: str
    refusal: str
    """Why it does not act on it, in its own words; empty where it does."""


@dataclass(frozen=True, slots=True)
class ObservedCertificate:
    """The certificate that cert-manager was asked for."""

    is_issued: bool = False
    has_failed: bool = False
    """Whether an attempt failed; cert-manager tries again, after ever longer pauses."""
    words: str = ""
    """What cert-manager says."""
    expires_at: str = ""
    """RFC 3339; empty before there is one."""


@dataclass(frozen=True, slots=True)
class ObservedNetwork:
    """What others made of the objects around the Service; None of what is not there."""

    route: tuple[ObservedParent, ...] | None = None
    pool: tuple[ObservedParent, ...] | None = None
    certificate: ObservedCertificate | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that status speaks of."""

    server: ObservedServer | None = None
    server_pods: tuple[ObservedPod, ...] = ()
    worker_pods: tuple[ObservedPod, ...] = ()
    """The pods that those lead, where a replica is a group of pods on several nodes."""
    ending_pods: tuple[ObservedPod, ...] = ()
    """Pods of groups that are made anew since one of their pods failed, for as long as they are there."""
    failed_pods: tuple[FailedPod, ...] = ()
    """Serving pods that ended for ever, and those that they led."""
    cache_pods: tuple[ObservedPod, ...] = ()
    job: ObservedJob | None = None
    verification_pods: tuple[ObservedPod, ...] = ()
    verifications: tuple[ObservedVerification, ...] = ()
    """The verification Jobs, whatever question they ask of whatever revision."""
    inspection_pods: tuple[ObservedPod, ...] = ()
    inspection: ObservedInspection | None = None
    claim: ObservedClaim | None = None
    scalers: tuple[ObservedScaler, ...] = ()
    """What decides about the replicas: two while one takes the other's place."""
    checks: tuple[ObservedCheck, ...] = ()
    """The check Jobs, whichever date or request they are for."""
    adapter_jobs: tuple[ObservedJob, ...] = ()
    """The Jobs that fetch adapters, and the one that tells the pods of them."""
    adapter_pods: tuple[ObservedPod, ...] = ()
    gpu_nodes: tuple[NodeGpus, ...] | None = None
    """The nodes that a replica may run on, looked up only while one waits for GPUs; None where nobody may know."""
    network: ObservedNetwork = ObservedNetwork()
    check_request: str | None = None
    """When somebody asked for a check, as it was written: any text."""

    def find_adapter_job(self, name: str) -> ObservedJob | None:
        """Find one of the Jobs of adapters."""
        return next((job for job in self.adapter_jobs if job.name == name), None)

    def find_verification(self, name: str) -> ObservedVerification | None:
        """Find the Job of one question to one revision; the others asked something else."""
        return next((job for job in self.verifications if job.name == name), None)

    def find_scaler(self, kind: str) -> ObservedScaler | None:
        """Find the scaler of a kind."""
        return next((scaler for scaler in self.scalers if scaler.kind == kind), None)

    @property
    def ready_pods(self) -> int:
        """Count the pods that serve. The Service goes by the pods; a Deployment's own count lags behind them."""
        return sum(pod.ready for pod in self.server_pods)

    @property
    def ready_revisions(self) -> tuple[str, ...]:
        """List the revisions of the pods that serve, without repetition."""
        return tuple(dict.fromkeys(pod.revision for pod in self.server_pods if pod.ready))
