"""The status of a NemotronDeployment: what the operator saw and decided. Only the operator writes it."""

from typing import Annotated

from pydantic import Field

from nemotron_operator.api.adapters import AdapterStatus
from nemotron_operator.api.cache import CacheStatus
from nemotron_operator.api.conditions import Condition
from nemotron_operator.api.fields import ApiModel, Bytes, Count, list_type
from nemotron_operator.api.rollout import RolloutStatus
from nemotron_operator.api.verification import VerificationStatus

PRICE_PATTERN = r"^[0-9]+(\.[0-9]+)?$"
"""An amount of money as text: an API field has no floats."""

CONCURRENCY_PATTERN = r"^[0-9]+(\.[0-9]{1,2})?$"
"""A number with at most two decimals as text."""

Name = Annotated[str, Field(max_length=253)]
"""A name that the operator reports."""


Settings = Annotated[str, Field(max_length=512)]
"""Fields of the spec and their values, as text."""


class BytesRange(ApiModel):
    """A number of bytes that nobody knows exactly: two ends."""

    low: Bytes
    """At least so many, in bytes. Example: `34000000000`."""

    high: Bytes
    """At most so many, in bytes. Example: `37000000000`."""


class PlanStatus(ApiModel):
    """What was decided for one replica, in numbers. All sizes are per GPU unless they say otherwise."""

    model: Name
    """Catalogue name of the planned model. Example: `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    accelerator: Name
    """Accelerator profile. Example: `H100-80GB`."""

    tensor_parallel_size: Count
    """GPUs that share one replica's weights. Example: `2`."""

    pipeline_parallel_size: Count = 1
    """Stages of layers that run one after the other. Example: `1`."""

    gpus_per_replica: Count
    """GPUs that one replica requests. Example: `2`."""

    nodes_per_replica: Count | None = None
    """Nodes over which one replica is spread; absent where it is on one. Example: `2`."""

    gpus: Count
    """GPUs that all desired replicas request together. Example: `4`."""

    max_model_len: Count
    """Longest sequence that is served, in tokens. Example: `131072`."""

    longest_max_model_len: Count = 0
    """Longest sequence that this parallelism would hold, up to the model's own limit, in tokens. Example: `131072`."""

    weights_bytes_per_gpu: Bytes
    """Weights on one GPU, in bytes. Example: `36346793984`."""

    working_bytes_per_gpu: Bytes
    """Activations, communication buffers and graphs on one GPU, in bytes. Example: `5300000000`."""

    kv_bytes_per_token: Bytes
    """Keys and values of one token over all GPUs of the replica, each KV head once, in bytes. Example: `327680`."""

    kv_cache_bytes_per_gpu: Bytes
    """Memory left for the KV cache on one GPU, as expected, in bytes. Example: `36000000000`."""

    kv_cache_bytes_per_gpu_range: BytesRange | None = None
    """The same with the estimates at their worst and at their best, in bytes. Example: see its fields."""

    state_bytes_per_sequence: Bytes | None = None
    """What Mamba layers keep of one sequence over all GPUs of the replica, whatever its length, in bytes; absent for a
    model without them. Example: `98304000`."""

    kv_cache_tokens: Count
    """Tokens that the KV cache of one replica holds. Example: `220000`."""

    max_concurrent_full_length: Count
    """Sequences of full length that fit at the same time, rounded down. Example: `1`."""

    startup_seconds: Count
    """Estimated seconds from pod start to the first answer, with the read rate that the download measured, else an
    assumed one. Example: `527`."""

    startup_budget_seconds: Count
    """Seconds after which a start counts as failed. Example: `1054`."""

    cost_per_hour: Annotated[str | None, Field(max_length=24, pattern=PRICE_PATTERN)] = None
    """What the GPUs of all desired replicas cost for an hour, as text; absent where the operator's configuration has no
    price. Example: `"11.96"`."""

    currency: Annotated[str | None, Field(max_length=3)] = None
    """Currency of that cost, ISO 4217. Example: `USD`."""

    next_cheaper: Settings | None = None
    """Fields that would do with fewer GPUs, and what gives way for it; absent when nothing would.
    Example: `parallelism.tensor: 1, engine.kvCacheDtype: fp8`."""

    next_faster: Settings | None = None
    """Fields that would spread a replica over more GPUs of one node; absent when nothing would.
    Example: `parallelism.tensor: 4`."""


class EndpointStatus(ApiModel):
    """Where clients inside the cluster reach the model."""

    url: Annotated[str, Field(max_length=512)]
    """Base URL of the OpenAI-compatible API. Example: `http://nemotron.default.svc:8000/v1`."""

    service_name: Name
    """The Service. Example: `nemotron`."""

    hostnames: Annotated[
        tuple[Annotated[str, Field(max_length=253)], ...] | None,
        Field(max_length=16, json_schema_extra=list_type("set")),
    ] = None
    """Host names under which Gateways lead here; absent until they accepted a route that names some.
    Example: `[nemotron.example.com]`."""


class StartupStatus(ApiModel):
    """How far a starting replica is. Present only while one starts."""

    started_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the oldest pod that is still starting was created. Example: `"2026-11-24T08:00:00Z"`."""

    budget_seconds: Count
    """Seconds after which the start counts as failed. Example: `1054`."""


class EngineStatus(ApiModel):
    """What the engine itself reported after its rollout, to hold against the plan."""

    revision: Annotated[str, Field(max_length=64)]
    """Hash of the pod template that reported. Example: `5d41402abc4b`."""

    kv_cache_tokens: Count
    """Tokens that the KV cache of one replica really holds; `plan.kvCacheTokens` is the prediction.
    Example: `227696`."""

    max_concurrency: Annotated[str | None, Field(max_length=16, pattern=CONCURRENCY_PATTERN)] = None
    """Sequences of full length that really fit at the same time, as text; absent where vLLM does not say.
    Example: `"1.73"`."""

    read_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When it was read, RFC 3339 in UTC. Example: `"2026-11-24T08:00:00Z"`."""


class NemotronDeploymentStatus(ApiModel):
    """What the operator saw and decided."""

    observed_generation: Annotated[int, Field(json_schema_extra={"format": "int64"})] = -1
    """Generation of the spec that this status speaks of; -1 before the operator has seen it. Example: `3`."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=32, json_schema_extra=list_type("map", "type"))] = ()
    """Ready, Planned, ModelCached, Available, Verified; Reconciling, Stalled and UpdateAvailable while they are true;
    and, where asked for, Autoscaled, Routed, Certified, Adapted.
    Example: `kubectl wait --for=condition=Ready nemo/NAME`."""

    plan: PlanStatus | None = None
    """The plan in force, with its numbers. Absent when the spec cannot be planned. Example: see its fields."""

    cache: CacheStatus | None = None
    """The weights on their volume. Example: see its fields."""

    endpoint: EndpointStatus | None = None
    """Where clients reach the model. Example: see its fields."""

    served_names: Annotated[
        tuple[Annotated[str, Field(max_length=193)], ...], Field(max_length=40, json_schema_extra=list_type("atomic"))
    ] = ()
    """Names by which clients ask for the model, and then those of its adapters. Example: `[nemotron-70b, sql]`."""

    adapters: Annotated[
        tuple[AdapterStatus, ...] | None, Field(max_length=32, json_schema_extra=list_type("map", "name"))
    ] = None
    """The LoRA adapters that are asked for. Absent where none is. Example: see its fields."""

    replicas: Count | None = None
    """Pods that exist, starting ones included; the scale subresource reads it. Example: `2`."""

    ready_replicas: Count | None = None
    """Pods that serve. Example: `2`."""

    selector: Annotated[str | None, Field(max_length=1024)] = None
    """Label selector of the serving pods, for autoscalers. Example: `nemotron.dev/deployment=nemotron`."""

    desired_revision: Annotated[str | None, Field(max_length=64)] = None
    """Hash of the pod template that should serve. Example: `5d41402abc`."""

    serving_revision: Annotated[str | None, Field(max_length=64)] = None
    """Hash of the pod template that serves now. Example: `5d41402abc`."""

    verification: VerificationStatus | None = None
    """The last question that was answered as expected. Example: see its fields."""

    engine: EngineStatus | None = None
    """What the engine itself reported after its rollout. Absent until the verification Job has read it.
    Example: see its fields."""

    rollout: RolloutStatus | None = None
    """How the pods that should serve replace those that did. Absent before the first pod. Example: see its fields."""

    startup: StartupStatus | None = None
    """How far a starting replica is. Example: see its fields."""
