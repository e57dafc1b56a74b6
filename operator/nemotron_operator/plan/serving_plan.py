"""What planning decides: a ServingPlan that can be rendered without another question, or a Rejection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.pod_template import PodTemplateSpec
from nemotron_operator.api.references import SecretKeyReference
from nemotron_operator.api.spec import EnvironmentVariable
from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.config import Toleration
from nemotron_operator.plan.adapter_plan import AdapterListPlan, AdapterPlan, LoraPlan
from nemotron_operator.plan.download_plan import DownloadPlan
from nemotron_operator.plan.facts import CachedModel, ClaimUser, Damage, InspectedModel, ServingFact
from nemotron_operator.plan.memory.account import GpuMemory
from nemotron_operator.plan.names import locate_service, name_verify_job
from nemotron_operator.plan.network_plan import NetworkPlan
from nemotron_operator.plan.scaling_plan import ScalingPlan


@dataclass(frozen=True, slots=True)
class NewClaim:
    """A PersistentVolumeClaim that the operator makes and keeps."""

    size_bytes: int
    storage_class_name: str | None
    """None leaves the choice to the cluster's default class."""
    access_modes: tuple[str, ...]
    owners: tuple[ClaimUser, ...] = ()
    """The resources with whose deletion it goes; none where one of them wants it retained."""


@dataclass(frozen=True, slots=True)
class InspectionPlan:
    """What looks at the weights on a volume of the user's before a GPU is taken for them."""

    job_name: str
    image: str
    writes_manifest: bool
    """Whether every byte is read and a manifest written; otherwise the volume is mounted read-only."""
    deadline_seconds: int
    """How long it may take, all attempts together."""
    cpu: str
    """Requested by the pod."""
    memory: str
    """Requested by the pod."""


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What reads every byte of a downloaded model again and holds it against its SHA-256."""

    job_name: str
    due_since: str
    """RFC 3339."""
    image: str
    commit: str
    deadline_seconds: int
    """How long it may take, all attempts together."""
    cpu: str
    """Requested by the pod."""
    memory: str
    """Requested by the pod."""


@dataclass(frozen=True, slots=True)
class CachePlan:
    """Where the weights are, or how they get there."""

    claim_name: str | None
    """None where the weights come in an image."""
    new_claim: NewClaim | None
    """None when the claim is the user's."""
    download: DownloadPlan | None
    """None when the user provides the weights."""
    cached: CachedModel | None
    """What the finished download left; None while it has not finished."""
    is_recorded: bool
    """Whether the volume itself says what is on it: nothing is left to fetch, nor a Job to keep."""
    provided_path: str | None
    """Directory inside the user's volume or image, when the user provides the weights; empty for an image's root."""
    compiled_key: str | None = None
    """Directory of the volume, among those for compiled code, that this engine writes to; None where the volume is not
    to be written, and what is compiled goes with the pod."""
    image: str | None = None
    """The OCI image that holds the weights; None where a volume does."""
    inspection: InspectionPlan | None = None
    """None where nobody has to look at the weights: they were downloaded, or come in an image."""
    inspected: InspectedModel | None = None
    """What the inspection found; None before it has."""
    damage: Damage | None = None
    """What was found to be damaged, and is to be fetched again."""
    check: CheckPlan | None = None
    """The check that is due now; None when none is, or none can be."""
    check_obstacle: str | None = None
    """Why a check that is due cannot be made, with the way out."""
    start_check_image: str | None = None
    """Image of the program that reads every byte in each pod before its engine starts; None where nothing does."""
    is_for_one_node: bool = False
    """Whether all pods that mount the volume have to be on the same node."""
    is_for_one_pod: bool = False
    """Whether a pod that mounts the volume excludes all others."""
    doubts: tuple[str, ...] = ()
    """What may go wrong with the volume although nothing forbids it, in sentences."""

    @property
    def model_path(self) -> str | None:
        """Directory of the weights inside of what holds them, empty for all of it; None while they are not there."""
        if self.cached is not None:
            return self.cached.commit
        is_awaited = self.inspection is not None and self.inspected is None
        return None if is_awaited else self.provided_path


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """Sampling values for requests that name none."""

    temperature: float | None
    """None leaves it to the model's own generation config."""
    top_p: float | None
    """None leaves it to the model's own generation config."""
    max_tokens: int


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """What `vllm serve` is told."""

    image: str
    version: str | None
    """The vLLM version in the image; None when its name does not say, and the newest is assumed."""
    are_options_known: bool
    """Whether the options of that version are known, so that extra arguments were checked against them."""
    served_names: tuple[str, ...]
    tensor_parallel_size: int
    pipeline_parallel_size: int
    max_model_len: int
    gpu_memory_utilization_percent: int
    max_num_seqs: int
    max_num_batched_tokens: int
    kv_cache_dtype: str
    trust_remote_code: bool
    tool_call_parser: str | None
    """None leaves tool calls to clients, or to the user's own arguments."""
    reasoning_parser: str | None
    """None leaves reasoning inside the answer, or to the user's own arguments."""
    sampling: SamplingPlan
    extra_args: tuple[str, ...]
    unaccounted_args: tuple[str, ...]
    """The names of those that change the engine's memory and are not in the account."""
    env: tuple[EnvironmentVariable, ...]
    api_key: SecretKeyReference | None
    port: int


@dataclass(frozen=True, slots=True)
class EngineLogPlan:
    """How the engine logs."""

    level: str | None
    """None where the user says how, or vLLM's version is not known: then nothing is configured."""
    quiet_paths: tuple[str, ...]
    """Paths whose requests are to be kept out of it; none where the user names his own and nothing is configured."""


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """How the sidecar tells whether the engine answers, and whether it is busy or hung."""

    port: int
    """Where the kubelet asks it."""
    model: str
    """The name by which the model is asked for."""
    stall_seconds: int
    """Without a token for so long, while requests run, the engine is not ready."""
    hang_seconds: int
    """Without one for so long it counts as hung."""
    canary_seconds: int
    """How often it is asked for a token while it has no requests."""
    liveness_patience_seconds: int
    """How long the kubelet hears that it is hung, or nothing at all, before it restarts it."""


@dataclass(frozen=True, slots=True)
class StartupPlan:
    """How long a start takes, and when it counts as failed, in seconds."""

    estimate_seconds: int
    budget_seconds: int
    """Counted from the start of the engine."""
    progress_deadline_seconds: int
    check_budget_seconds: int = 0
    """What verifying every byte before that may take."""


@dataclass(frozen=True, slots=True)
class VerificationPlan:
    """What the model is asked once a revision serves, and how long it is given."""

    image: str
    base_url: str
    model: str
    """The name by which the model is asked for."""
    system_prompt: str
    """Empty for none."""
    prompt: str
    expect: str
    """Text that the answer has to contain; empty for any answer."""
    max_tokens: int
    api_key: SecretKeyReference | None
    answer_seconds: int
    """How long one answer may take."""
    retry_seconds: int
    """How long one pod of the Job tries again, while the Service learns of the pods that serve."""
    deadline_seconds: int
    """How long the Job may take, all attempts together."""
    serving: ServingFact | None
    """What serves and may be asked; None when the number of replicas is not the desired one."""
    answered_job: str | None
    """The Job whose question was answered last, for whatever revision."""

    def name_job(self, deployment_name: str, revision: str) -> str:
        """Name the Job that puts this question to a revision."""
        return name_verify_job(deployment_name, revision, self.system_prompt, self.prompt, self.expect)

    def is_due(self, deployment_name: str, revision: str) -> bool:
        """Tell whether a revision has to be asked now: it serves as a whole, and has not answered this question."""
        is_serving = self.serving is not None and self.serving.revision == revision
        return is_serving and self.answered_job != self.name_job(deployment_name, revision)


@dataclass(frozen=True, slots=True)
class PodPlan:
    """Where a serving pod runs and what it requests."""

    gpu_resource: str
    gpus: int
    cpu: str
    memory: str
    shared_memory_bytes: int
    node_labels: tuple[tuple[str, tuple[str, ...]], ...]
    """Node labels and the values that match, all of which a node must have."""
    profile_tolerations: tuple[Toleration, ...]
    drain_seconds: int
    """How long requests in flight may finish after the pod left the endpoints."""
    template: PodTemplateSpec


@dataclass(frozen=True, slots=True)
class CostPlan:
    """What the GPUs of all desired replicas cost."""

    per_hour: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """Everything that was decided. Rendering takes no decision beyond it."""

    identity: Identity
    model_name: str
    accelerator: str
    replicas: int
    """Zero while suspended; with a scaler, what it came to, and zero where it took the last one away."""
    memory: GpuMemory
    longest_max_model_len: int
    """The longest context that this parallelism would hold, in tokens."""
    missing_at_worst_bytes: int
    """What is missing on each GPU where every estimate is at its worst; 0 when it fits even then."""
    cost: CostPlan | None
    """None where the configuration knows no price."""
    next_cheaper: tuple[str, ...]
    """Fields and values that would do with fewer GPUs; empty when nothing would."""
    next_faster: tuple[str, ...]
    """Fields and values that would spread a replica over more GPUs; empty when nothing would."""
    kv_cache_tokens: int
    """Tokens that the KV cache of one replica holds, as vLLM counts them."""
    max_concurrent_full_length: int
    cache: CachePlan
    engine: EnginePlan
    engine_log: EngineLogPlan
    probe: ProbePlan
    startup: StartupPlan
    verification: VerificationPlan | None
    """None when no question is asked."""
    pod: PodPlan
    inputs: str
    """Hash of what the user and the volume decide about the pods: another one takes what is rendered now."""
    rollout_strategy: Literal["Auto", "Surge", "Replace"]
    """What the spec asks for when the pods have to change."""
    nodes: int = 1
    """Over how many nodes one replica is spread; more than one makes it a group of a LeaderWorkerSet."""
    has_live_groups: bool | None = None
    """Whether what serves by now is made of such groups; None where nothing serves."""
    scaling: ScalingPlan | None = None
    """Who decides about the replicas; None where the spec's number counts."""
    network: NetworkPlan = field(default_factory=NetworkPlan)
    """What is around the Service."""
    lora: LoraPlan | None = None
    """How the engine holds adapters; None where it holds none."""
    adapters: tuple[AdapterPlan, ...] = ()
    """The LoRA adapters that are asked for."""
    adapter_list: AdapterListPlan | None = None
    """How the pods that run are told which to load; None where they are told when they start."""
    queue_name: str | None = None
    """Kueue's LocalQueue; None where nothing is queued."""
    missing_apis: frozenset[str] = frozenset()
    """Kinds that are asked for and that cannot be used: what takes them is not made."""
    forbidden_apis: Mapping[str, str] = field(default_factory=dict)
    """What the API server says of those that it knows and does not let the operator use."""
    warning: str | None = None
    """What does not fit although `planPolicy: Warn` lets it start."""

    @property
    def waits_for_adapters(self) -> bool:
        """Whether the pods wait for an adapter: those that load them live start without."""
        is_live = self.lora is not None and self.lora.is_live
        return not is_live and any(adapter.path is None for adapter in self.adapters)

    @property
    def has_all_files(self) -> bool:
        """Whether everything is there that a pod reads when it starts."""
        is_certificate_made = self.network.tls is not None and self.network.tls.issuer is not None
        can_be_certified = not is_certificate_made or "Certificate" not in self.missing_apis
        return self.cache.model_path is not None and not self.waits_for_adapters and can_be_certified

    @property
    def base_url(self) -> str:
        """Where clients inside the cluster find the OpenAI-compatible API of what serves."""
        is_encrypted = self.network.serving_tls is not None
        return locate_service(self.identity.name, self.identity.namespace, self.engine.port, is_encrypted=is_encrypted)

    @property
    def set_replicas(self) -> int | None:
        """Give the number of replicas that is set; None where a scaler's is left as it is."""
        return None if self.scaling is not None and self.scaling.leaves_replicas else self.replicas

    def count_replicas_to_set(self, *, is_group: bool) -> int | None:
        """Count the replicas to set on an object of a kind: a scaler's are left to it only on the one that it knows."""
        is_other_kind = self.has_live_groups is not None and self.has_live_groups != is_group
        return self.replicas if is_other_kind else self.set_replicas

    @property
    def most_replicas(self) -> int:
        """Count the replicas that there may come to be without another plan."""
        return self.replicas if self.scaling is None else max(self.replicas, self.scaling.max_replicas)

    @property
    def is_scaled_to_zero(self) -> bool:
        """Tell whether a scaler took the last replica away, which is no suspension."""
        return self.scaling is not None and self.replicas == 0

    @property
    def gpus(self) -> int:
        """Count the GPUs of all desired replicas."""
        return self.replicas * self.gpus_per_replica

    @property
    def gpus_per_replica(self) -> int:
        """Count the GPUs of one replica: those of all its pods."""
        return self.nodes * self.pod.gpus


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refusal: a normal outcome, shown as `Planned=False`."""

    identity: Identity
    reason: Reason
    message: str
