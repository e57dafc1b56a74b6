"""What planning decides: a ServingPlan that can be rendered without another question, or a Rejection."""

from dataclasses import dataclass

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.pod_template import PodTemplateSpec
from nemotron_operator.api.spec import EnvironmentVariable, SecretKeyReference
from nemotron_operator.api.v1alpha1 import Identity
from nemotron_operator.config import Toleration
from nemotron_operator.plan.facts import CachedModel
from nemotron_operator.plan.memory import GpuMemory


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What the cache Job fetches."""

    image: str
    repository: str
    revision: str
    endpoint: str | None
    token: SecretKeyReference | None
    expected_bytes: int
    """Size of the weights as the catalogue's geometry gives it; config and tokenizer files come on top."""
    deadline_seconds: int
    """How long the download may take, all attempts together."""


@dataclass(frozen=True, slots=True)
class NewClaim:
    """A PersistentVolumeClaim that the operator makes and keeps."""

    size_bytes: int
    storage_class_name: str | None
    """None leaves the choice to the cluster's default class."""
    access_modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CachePlan:
    """Where the weights are, or how they get there."""

    claim_name: str
    new_claim: NewClaim | None
    """None when the claim is the user's."""
    download: DownloadPlan | None
    """None when the user provides the weights."""
    cached: CachedModel | None
    """What the finished download left; None while it has not finished."""
    is_recorded: bool
    """Whether the volume itself says what is on it: nothing is left to fetch, nor a Job to keep."""
    provided_path: str | None
    """Directory inside the user's volume, when the user provides the weights."""

    @property
    def model_path(self) -> str | None:
        """Directory of the weights inside the volume; None while they are not there."""
        return self.cached.commit if self.cached else self.provided_path


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """Sampling values for requests that name none."""

    temperature: float
    top_p: float
    max_tokens: int


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """What `vllm serve` is told."""

    image: str
    served_names: tuple[str, ...]
    tensor_parallel_size: int
    max_model_len: int
    gpu_memory_utilization_percent: int
    max_num_seqs: int
    max_num_batched_tokens: int
    kv_cache_dtype: str
    trust_remote_code: bool
    sampling: SamplingPlan
    extra_args: tuple[str, ...]
    env: tuple[EnvironmentVariable, ...]
    api_key: SecretKeyReference | None
    port: int


@dataclass(frozen=True, slots=True)
class StartupPlan:
    """How long a start takes, and when it counts as failed, in seconds."""

    estimate_seconds: int
    budget_seconds: int
    progress_deadline_seconds: int


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
class ServingPlan:
    """Everything that was decided. Rendering takes no decision beyond it."""

    identity: Identity
    model_name: str
    accelerator: str
    replicas: int
    """Zero while suspended."""
    memory: GpuMemory
    max_concurrent_full_length: int
    cache: CachePlan
    engine: EnginePlan
    startup: StartupPlan
    pod: PodPlan
    warning: str | None
    """What does not fit although `planPolicy: Warn` lets it start."""

    @property
    def gpus(self) -> int:
        """Count the GPUs of all desired replicas."""
        return self.replicas * self.pod.gpus


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refusal: a normal outcome, shown as `Planned=False`."""

    identity: Identity
    reason: Reason
    message: str
