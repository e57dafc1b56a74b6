"""Condition types, their reasons, and how a list of conditions moves on.

Sources: API conventions (sig-architecture), kstatus: `Reconciling` and `Stalled` are present only while they are true.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nemotron_operator.api.fields import ApiModel

MAX_MESSAGE_LENGTH = 32_768
"""Longest message of a condition (`metav1.Condition`)."""

REASON_PATTERN = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
"""What a reason may be (`metav1.Condition`)."""


class ConditionType(StrEnum):
    """What a condition speaks of."""

    READY = "Ready"
    """The summary: the desired revision serves, with all desired replicas, and has answered."""
    RECONCILING = "Reconciling"
    """The operator or the cluster is at work. Absent when at rest."""
    STALLED = "Stalled"
    """Nothing will move before a human acts. Absent when nothing is stuck."""
    PLANNED = "Planned"
    """The spec is sound and fits the accelerator."""
    MODEL_CACHED = "ModelCached"
    """The weights are on the volume, complete."""
    AVAILABLE = "Available"
    """At least one replica serves; an old revision counts."""
    VERIFIED = "Verified"
    """The desired revision answered a question as expected."""
    UPDATE_AVAILABLE = "UpdateAvailable"
    """This operator would render other pods for the same spec, and waits to be asked. Absent when it would not."""
    AUTOSCALED = "Autoscaled"
    """The scaler that was asked for is there and sees its metrics. Absent when none is asked for."""
    ROUTED = "Routed"
    """The route and the pool that were asked for are accepted. Absent when none is asked for."""
    CERTIFIED = "Certified"
    """The certificate that cert-manager was asked for is there. Absent when none is asked for."""
    ADAPTED = "Adapted"
    """The adapters are in the cache and served. Absent when none is asked for."""


class Reason(StrEnum):
    """Why a condition has its status. A reason is API: tools match on it."""

    SERVING = "Serving"
    """All desired replicas of the desired revision serve, and the question is answered if one is asked."""
    SUSPENDED = "Suspended"
    """`spec.suspend` is set, or zero replicas are desired, and no pod holds a GPU."""
    STOPPING = "Stopping"
    """No replica is desired, and pods that have not ended yet still hold their GPUs."""
    NOT_REQUESTED = "NotRequested"
    """Nobody asked for it."""
    WAITING = "Waiting"
    """An earlier step has to finish first."""

    FITS = "Fits"
    """The plan fits, with the numbers in the message."""
    FITS_NOT_ENFORCED = "DoesNotFitNotEnforced"
    """The plan does not fit, and `planPolicy: Warn` starts it all the same."""
    INVALID_SPEC = "InvalidSpec"
    """The resource does not follow the schema that this operator knows."""
    NAME_CONFLICT = "NameConflict"
    """An object of a needed name belongs to somebody else."""
    UNKNOWN_MODEL = "UnknownModel"
    """The catalogue has no such model."""
    GEOMETRY_UNKNOWN = "GeometryUnknown"
    """The catalogue has the model, but not its geometry, so its memory cannot be planned."""
    UNKNOWN_ACCELERATOR = "UnknownAccelerator"
    """The configuration has no such accelerator profile."""
    IMAGE_NOT_ALLOWED = "ImageNotAllowed"
    """The configuration does not allow this engine image."""
    REMOTE_CODE_NOT_ALLOWED = "RemoteCodeNotAllowed"
    """The configuration does not allow code from model repositories."""
    REMOTE_CODE_NEEDED = "RemoteCodeNeeded"
    """The model does not load without the code of its repository, which nobody has allowed yet."""
    ENGINE_TOO_OLD = "EngineTooOld"
    """The engine image holds a vLLM that does not know the model yet."""
    ARGUMENT_NOT_ALLOWED = "ArgumentNotAllowed"
    """An extra argument belongs to a typed field or is unsafe."""
    ENVIRONMENT_NOT_ALLOWED = "EnvironmentNotAllowed"
    """An extra environment variable belongs to the operator or is unsafe."""
    CONTEXT_EXCEEDS_MODEL = "ContextExceedsModel"
    """The model was not made for sequences that long."""
    TENSOR_PARALLEL_DOES_NOT_DIVIDE = "TensorParallelDoesNotDivideHeads"
    """The tensor parallel size does not divide the attention heads, or not the KV heads."""
    TENSOR_PARALLEL_EXCEEDS_NODE = "TensorParallelExceedsNode"
    """No node of the profile has that many GPUs."""
    PIPELINE_PARALLEL_EXCEEDS_LAYERS = "PipelineParallelExceedsLayers"
    """More pipeline stages than the model has layers."""
    BATCH_EXCEEDS_STEP = "BatchExceedsStep"
    """More sequences in a batch than tokens in a step."""
    WEIGHTS_DO_NOT_FIT = "WeightsDoNotFit"
    """Weights and working memory leave no room on the GPUs."""
    CONTEXT_DOES_NOT_FIT = "ContextDoesNotFit"
    """The KV cache of one full-length sequence does not fit."""
    BATCH_DOES_NOT_FIT = "BatchDoesNotFit"
    """The Mamba states of a full batch do not fit."""
    CACHE_TOO_SMALL = "CacheTooSmall"
    """The volume cannot hold the weights."""
    VOLUME_NOT_SHARED = "VolumeNotShared"
    """More pods or nodes than the volume's access modes allow."""
    CLAIM_NOT_FOUND = "ClaimNotFound"
    """The named PersistentVolumeClaim does not exist."""

    VOLUME_NOT_WRITABLE = "VolumeNotWritable"
    """A Job has to write to a volume that can only be read."""
    CHECK_NOT_POSSIBLE = "CheckNotPossible"
    """The weights are where `cache.verify` cannot read them again, or nothing says what they were."""
    STORAGE_CLASS_NOT_FOUND = "StorageClassNotFound"
    """The named StorageClass does not exist, or none is named and the cluster has no default."""
    VOLUME_CANNOT_GROW = "VolumeCannotGrow"
    """A larger size is asked for, and the StorageClass does not let a volume grow."""
    IMAGE_VOLUME_NOT_SUPPORTED = "ImageVolumeNotSupported"
    """The API server does not mount images as volumes."""

    CACHED = "Cached"
    """The weights are on the volume, complete and verified."""
    PROVIDED = "Provided"
    """The weights are on a volume of the user's, or in an image."""
    INSPECTING = "Inspecting"
    """A Job looks whether the user's volume holds a model that can be loaded."""
    INSPECTION_FAILED = "InspectionFailed"
    """The Job that looks at the user's volume gave up."""
    DAMAGED = "Damaged"
    """Files on the volume differ from what was downloaded; they are not served, and fetched again."""
    VOLUME_PENDING = "VolumePending"
    """The volume is not bound yet."""
    DOWNLOADING = "Downloading"
    """The cache Job is fetching."""
    DOWNLOAD_FAILED = "DownloadFailed"
    """The cache Job gave up."""

    ROLLING_OUT = "RollingOut"
    """Pods of the desired revision are starting."""
    LOADING = "Loading"
    """The engine reads the weights and compiles."""
    UNSCHEDULABLE = "Unschedulable"
    """The scheduler finds no node."""
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - the name of a reason
    """A referenced Secret, or a key of it, does not exist."""
    IMAGE_PULL_FAILED = "ImagePullFailed"
    """A node cannot pull the image."""
    WAITING_FOR_GPU = "WaitingForGPU"
    """No node has the GPUs of a replica free."""
    NEW_DEFAULTS = "NewDefaults"
    """Another version or configuration of the operator renders other pods for the same spec."""
    CRASH_LOOP = "CrashLoop"
    """The engine starts and ends again and again."""
    OUT_OF_MEMORY = "OutOfMemory"
    """The kernel ended the engine: host memory ran out."""
    POD_REFUSED = "PodRefused"
    """A node took the pod from the scheduler and refused it."""
    EVICTED = "Evicted"
    """A node ran out of memory or disk and ended the pod."""
    NODE_LOST = "NodeLost"
    """The pod's node was shut down, or reports no more."""
    CONTAINER_NOT_CREATED = "ContainerNotCreated"
    """The node's container runtime cannot start the container."""
    PROBE_FAILED = "ProbeFailed"
    """The container that asks the engine whether it is well does not run."""
    STARTUP_TIMEOUT = "StartupTimeout"
    """The engine did not serve within its start-up budget, and Kubernetes ended it."""
    ENGINE_HUNG = "EngineHung"
    """The engine served, stopped to make progress, and Kubernetes ended it."""
    ENGINE_UNREADY = "EngineUnready"
    """The engine served and still runs, but is not ready at the moment."""

    KV_CACHE_TOO_SMALL = "KVCacheTooSmall"
    """What is left of the GPUs does not hold the KV cache of one sequence, or not the states of one batch."""
    CUDA_OUT_OF_MEMORY = "CudaOutOfMemory"
    """A GPU ran out of memory, at the start or while it served."""
    GPU_OCCUPIED = "GpuOccupied"
    """Another process holds memory of a GPU that Kubernetes counts as free."""
    DRIVER_TOO_OLD = "DriverTooOld"
    """The node's driver does not know the CUDA version of the engine image."""
    GPU_NOT_SUPPORTED = "GpuNotSupported"
    """The engine image holds no code for this kind of GPU."""
    FABRIC_NOT_READY = "FabricNotReady"
    """The NVLink switches of the node are not set up."""
    NO_GPU_FOUND = "NoGpuFound"
    """The engine sees no GPU, or fewer than it was promised."""
    GPU_FAULT = "GpuFault"
    """A GPU reported an error that is none of memory that ran out."""
    NCCL_FAILED = "NcclFailed"
    """The GPUs of one replica cannot speak with each other."""
    SHARED_MEMORY_TOO_SMALL = "SharedMemoryTooSmall"
    """The pod's /dev/shm is full."""
    DISK_FULL = "DiskFull"
    """The engine found no space left where it writes."""
    WEIGHTS_UNREADABLE = "WeightsUnreadable"
    """The files of the weights are missing, damaged, or not those of this model."""
    TOKENIZER_MISSING = "TokenizerMissing"
    """The files of the tokenizer are missing, or not those of this model."""
    MODEL_NOT_SUPPORTED = "ModelNotSupported"
    """This vLLM does not know the model's architecture or its number format."""
    ARGUMENT_REJECTED = "ArgumentRejected"
    """vLLM does not take an argument, or not with this value."""
    PORT_IN_USE = "PortInUse"
    """Something in the pod listens on the engine's port already."""
    PERMISSION_DENIED = "PermissionDenied"
    """The engine may not write where it wants to."""
    ENGINE_TIMEOUT = "EngineTimeout"
    """A part of the engine did not answer the others in time."""
    WORKER_DIED = "WorkerDied"
    """A process of the engine ended without a word."""

    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    """The rollout took longer than the start-up budget."""
    REPLICAS_UNAVAILABLE = "ReplicasUnavailable"
    """Fewer replicas serve than desired."""
    VERIFYING = "Verifying"
    """The verification Job asks the model."""
    VERIFIED = "Verified"
    """The answer holds the expected text, or is there at all where none is expected."""
    UNEXPECTED_ANSWER = "UnexpectedAnswer"
    """The model answered, and the expected text is not in the answer."""
    NO_ANSWER = "NoAnswer"
    """The model gave no answer through the Service."""

    API_NOT_INSTALLED = "ApiNotInstalled"
    """The cluster does not know a kind that the spec asks for, or does not let the operator use it."""
    SCALING = "Scaling"
    """The scaler sees its metrics and decides about the replicas."""
    SCALED_TO_ZERO = "ScaledToZero"
    """The scaler took the last replica away, since nobody asks."""
    NOT_SCALING = "NotScaling"
    """The scaler cannot change the replicas, or has not looked at them yet."""
    PROMETHEUS_NOT_CONFIGURED = "PrometheusNotConfigured"
    """KEDA is asked for, and the operator's configuration does not say where Prometheus is."""
    METRICS_NOT_FOUND = "MetricsNotFound"
    """The scaler does not get the numbers that it decides by."""
    GROUP_RESTARTING = "GroupRestarting"
    """A pod of a replica over several nodes failed, and all pods of the replica are made anew."""
    WAITING_FOR_QUOTA = "WaitingForQuota"
    """Kueue holds the pods back until the queue's quota has room."""
    ACCEPTED = "Accepted"
    """Whoever has to act on it took it."""
    NOT_ACCEPTED = "NotAccepted"
    """Whoever has to act on it refused it, or has not looked at it yet."""
    ISSUED = "Issued"
    """The certificate is there."""
    NOT_ISSUED = "NotIssued"
    """The certificate is not there yet."""
    LOADED = "Loaded"
    """All adapters are served."""
    ADAPTER_FAILED = "AdapterFailed"
    """An adapter cannot be fetched, or the engine does not take it."""
    ADAPTER_NOT_ALLOWED = "AdapterNotAllowed"
    """Adapters cannot be served in this way."""
    NODES_DO_NOT_DIVIDE = "NodesDoNotDivide"
    """The pipeline stages cannot be divided evenly among the nodes."""

    REFUSED_BY_CLUSTER = "RefusedByCluster"
    """The API server refuses an object: a quota, a policy, a missing permission."""


class Condition(ApiModel):
    """One statement about the resource, as `metav1.Condition`."""

    type: Annotated[str, Field(max_length=316, min_length=1)]
    """What the condition speaks of. Example: `Ready`."""

    status: Literal["True", "False", "Unknown"]
    """Whether it is so. Example: `"True"`."""

    reason: Annotated[str, Field(max_length=1024, min_length=1, pattern=REASON_PATTERN)]
    """Why, in one word for tools. Example: `Serving`."""

    message: Annotated[str, Field(max_length=MAX_MESSAGE_LENGTH)]
    """Why, in sentences for people, with numbers and the next step. Example: `2 of 2 replicas serve.`."""

    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
    """Generation of the spec that this speaks of. Example: `3`."""

    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When `status` last changed, RFC 3339 in UTC. Example: `"2026-11-24T08:00:00Z"`."""


class Finding(ApiModel):
    """A condition before it meets its history: what is true now."""

    type: ConditionType
    """What it speaks of."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    reason: Reason | str
    """Why, in one word; a cache Job may bring its own."""
    message: str
    """Why, in sentences."""


def advance_conditions(
    previous: Iterable[Condition], findings: Iterable[Finding], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Turn findings into conditions; a transition time moves only when the status flips.

    Notes
    -----
    Conditions of ours that are not found any more are dropped, which is how `Stalled` and `Reconciling` vanish.
    Conditions of types that we do not know belong to somebody else and stay.
    """
    earlier = {condition.type: condition for condition in previous}
    known = set(ConditionType)
    foreign = tuple(condition for kind, condition in earlier.items() if kind not in known)
    return tuple(_advance(earlier.get(found.type), found, generation, now) for found in findings) + foreign


def _advance(earlier: Condition | None, found: Finding, generation: int, now: datetime) -> Condition:
    keeps_time = earlier is not None and earlier.status == found.status
    return Condition(
        type=found.type.value,
        status=found.status,
        reason=str(found.reason),
        message=found.message[:MAX_MESSAGE_LENGTH],
        observed_generation=generation,
        last_transition_time=earlier.last_transition_time if earlier and keeps_time else rfc3339(now),
    )


def rfc3339(moment: datetime) -> str:
    """Write a UTC time as Kubernetes does, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
