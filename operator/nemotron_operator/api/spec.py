"""The spec of a NemotronDeployment: what a user asks for.

Only `model` is required. A field that is absent is decided by the plan, and the decision is shown in the status.
What CEL rules say to the API server, validators say to the command line, which has no API server.
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, field_validator, model_validator

from nemotron_operator.api.adapters import AdapterSpec, LoraSpec
from nemotron_operator.api.autoscaling import AutoscalingSpec
from nemotron_operator.api.cache import CacheSpec
from nemotron_operator.api.fields import (
    LABEL_VALUE_PATTERN,
    ApiModel,
    Flag,
    list_type,
    require,
    rule,
    rules,
)
from nemotron_operator.api.networking import InferencePoolSpec, NetworkPolicySpec, RouteSpec, TlsSpec
from nemotron_operator.api.pod_template import PodTemplateSpec
from nemotron_operator.api.references import SecretKeyReference
from nemotron_operator.api.rollout import RolloutSpec
from nemotron_operator.api.source import ModelSource
from nemotron_operator.api.validation_words import whole_percent
from nemotron_operator.api.verification import VerificationSpec
from nemotron_operator.constants import QUEUE_LABEL


class ModelSpec(ApiModel):
    """Which model is served, from where, and under which names."""

    model_config = ConfigDict(
        json_schema_extra=rules(rule("has(self.name) || has(self.source)", "set model.name, or model.source, or both"))
    )

    name: Annotated[
        str | None, Field(min_length=1, max_length=193, pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$")
    ] = None
    """The model's name in the operator's catalogue (`nemoctl models` lists them). Default: the entry whose repository
    `source` names. Example: `mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC`."""

    source: ModelSource | None = None
    """Where the bytes come from. Default: the catalogue's repository and revision.
    Example: `{huggingFace: {repository: my-org/private-copy}}`."""

    served_names: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=193, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./:-]*$")], ...],
        Field(max_length=8, json_schema_extra=list_type("atomic")),
    ] = ()
    """Names by which clients ask for the model; the first stands in answers and metrics. They begin with a letter,
    a digit or `_`, so that none is taken for an argument. Default: the repository's name. Example: `[nemotron-70b]`."""

    trust_remote_code: Flag = False
    """Whether the engine may run Python code from the model's repository. The operator's configuration must allow it
    too. Default: false. Example: `false`."""

    adapters: Annotated[tuple[AdapterSpec, ...], Field(max_length=32, json_schema_extra=list_type("map", "name"))] = ()
    """LoRA adapters that are served beside the model, under names of their own. Default: none.
    Example: `[{name: sql, huggingFace: {repository: my-org/nemotron-sql-lora}}]`."""

    @field_validator("adapters")
    @classmethod
    def _names_each_adapter_once(cls, adapters: tuple[AdapterSpec, ...]) -> tuple[AdapterSpec, ...]:
        names = [adapter.name for adapter in adapters]
        repeated = sorted({name for name in names if names.count(name) > 1})
        return require(adapters, not repeated, f"names {', '.join(repeated)} more than once")

    @model_validator(mode="after")
    def _says_which_model(self) -> Self:
        is_said = self.name is not None or self.source is not None
        return require(self, is_said, "set model.name, or model.source, or both")


class ParallelismSpec(ApiModel):
    """How one replica is spread over GPUs: one source for the engine's flag, the GPU request and /dev/shm."""

    tensor: Annotated[int | None, Field(strict=True, ge=1, le=64)] = None
    """Tensor parallel size: GPUs of one node that share one replica's weights. Default: the smallest size at which
    weights and context fit. Example: `8`."""

    pipeline: Annotated[int | None, Field(strict=True, ge=1, le=64)] = None
    """Pipeline parallel size: stages of layers that run one after the other, each on its own tensor-parallel group.
    More GPUs than one node has are taken from several nodes, whole stages each. Default: 1. Example: `2`."""

    nodes: Annotated[int | None, Field(strict=True, ge=1, le=64)] = None
    """Nodes over which one replica is spread, each with the same number of pipeline stages. More than one needs the
    LeaderWorkerSet API. Default: the fewest that have the GPUs. Example: `2`."""


class SamplingSpec(ApiModel):
    """Sampling values that a request gets when it names none. Numbers are text, as an API field has no floats."""

    temperature: Annotated[str | None, Field(max_length=8, pattern=r"^[0-9](\.[0-9]{1,4})?$")] = None
    """Softmax temperature, 0 to 9.9999. Default: the catalogue's value for the model. Example: `"0.7"`."""

    top_p: Annotated[str | None, Field(max_length=8, pattern=r"^(0\.[0-9]{0,3}[1-9][0-9]{0,3}|1(\.0{1,4})?)$")] = None
    """Nucleus sampling mass, above 0 and up to 1. Default: the catalogue's value for the model. Example: `"0.9"`."""

    max_tokens: Annotated[int | None, Field(strict=True, ge=1, le=10_000_000)] = None
    """Tokens that one answer may have: what a request without `max_tokens` gets, and the most that any gets.
    Default: the model's documented longest answer. Example: `1024`."""


class EnvironmentVariable(ApiModel):
    """One environment variable of the engine: a literal value or a key of a Secret."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.value) != has(self.secretKeyRef)", "set exactly one of value and secretKeyRef")
        )
    )

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    """Name of the variable. Required. Example: `VLLM_LOGGING_LEVEL`."""

    value: Annotated[str | None, Field(max_length=4096)] = None
    """Literal value. Default: none, a Secret is referenced. Example: `DEBUG`."""

    secret_key_ref: SecretKeyReference | None = None
    """Key of a Secret that holds the value. Default: none, the value is literal.
    Example: `{name: tracing, key: headers}`."""

    @model_validator(mode="after")
    def _has_exactly_one_value(self) -> Self:
        is_one = (self.value is None) != (self.secret_key_ref is None)
        return require(self, is_one, "set exactly one of value and secretKeyRef")


SHORTEST_CONTEXT_TOKENS, LONGEST_CONTEXT_TOKENS = 256, 10_000_000
"""What a context may be, in tokens."""


def _read_context_length(value: object) -> int | Literal["auto"]:
    """Read a number of tokens or `auto`, with one message for both, where a union would have two."""
    if value == "auto":
        return "auto"
    # A bool is an int too; type() tells them apart.
    if type(value) is int and SHORTEST_CONTEXT_TOKENS <= value <= LONGEST_CONTEXT_TOKENS:
        return value
    raise ValueError(
        f"should be a whole number of tokens from {SHORTEST_CONTEXT_TOKENS} to {LONGEST_CONTEXT_TOKENS}, or auto"
    )


ContextLength = Annotated[
    int | Literal["auto"],
    PlainValidator(_read_context_length),
    WithJsonSchema(
        {
            # Bounds hold for numbers only, pattern and length for text only.
            "x-kubernetes-int-or-string": True,
            "minimum": SHORTEST_CONTEXT_TOKENS,
            "maximum": LONGEST_CONTEXT_TOKENS,
            "pattern": "^auto$",
            "maxLength": 4,
        }
    ),
]
"""A number of tokens, or `auto`."""


class EngineSpec(ApiModel):
    """vLLM's settings. What is absent follows the model, the accelerator and vLLM's own defaults."""

    image: Annotated[str | None, Field(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_./:@-]+$")] = None
    """Image that serves, if the operator's configuration allows it. Default: the accelerator profile's `engineImage`,
    else the operator's. Example: `vllm/vllm-openai:v0.33.0`."""

    max_model_len: ContextLength | None = None
    """Longest sequence, prompt and answer together, in tokens; `auto` is the longest that the fewest GPUs hold.
    Default: the model's own limit, or what fits if `parallelism.tensor` is given. Example: `4096`."""

    gpu_memory_utilization_percent: Annotated[int | None, Field(strict=True, ge=10, le=99), whole_percent(10, 99)] = (
        None
    )
    """Share of each GPU's memory that the engine takes, in percent. Default: the operator's
    `gpuMemoryUtilizationPercent`, shipped 92, as vLLM. Example: `90`."""

    kv_cache_dtype: Literal["auto", "bfloat16", "fp8"] = "auto"
    """Number format of the KV cache: `auto` is what the checkpoint asks for, else `bfloat16`; `fp8` halves that.
    Default: `auto`. Example: `fp8`."""

    max_num_seqs: Annotated[int | None, Field(strict=True, ge=1, le=65_536)] = None
    """Sequences that one step may batch. Fewer leave more memory for the KV cache. Default: the accelerator profile's
    `maxNumSeqs`, shipped 1024, as vLLM on these GPUs; fewer where one step has fewer tokens or the KV cache fewer
    blocks for Mamba states. Example: `256`."""

    max_num_batched_tokens: Annotated[int | None, Field(strict=True, ge=256, le=1_048_576)] = None
    """Tokens that one scheduling step may process. Default: the accelerator profile's `maxNumBatchedTokens`,
    shipped 8192, as vLLM on these GPUs. Example: `16384`."""

    sampling: SamplingSpec = Field(default_factory=SamplingSpec)
    """Sampling values for requests that name none. Default: the catalogue's. Example: `{temperature: "0.2"}`."""

    extra_args: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=2048)], ...],
        Field(max_length=64, json_schema_extra=list_type("atomic")),
    ] = ()
    """Further arguments of `vllm serve`, one list item each, added last, names in full. Arguments that this vLLM does
    not take, that a typed field sets, that open the server to code or files, or that name an object store, are refused.
    Default: none. Example: `["--enable-prefix-caching"]`."""

    env: Annotated[
        tuple[EnvironmentVariable, ...], Field(max_length=64, json_schema_extra=list_type("map", "name"))
    ] = ()
    """Further environment variables of the engine. Names that the operator sets, or that load code, are refused.
    Default: none. Example: `[{name: VLLM_LOGGING_LEVEL, value: DEBUG}]`."""

    lora: LoraSpec = Field(default_factory=LoraSpec)
    """How adapters are served. Default: vLLM's own sizes. Example: `{maxRank: 64}`."""

    @field_validator("env")
    @classmethod
    def _sets_each_variable_once(cls, env: tuple[EnvironmentVariable, ...]) -> tuple[EnvironmentVariable, ...]:
        names = [variable.name for variable in env]
        repeated = sorted({name for name in names if names.count(name) > 1})
        return require(env, not repeated, f"sets {', '.join(repeated)} more than once")


class ServiceSpec(ApiModel):
    """The Service in front of the replicas."""

    port: Annotated[int, Field(strict=True, ge=1, le=65_535)] = 8000
    """TCP port of the Service and of the engine. Default: 8000. Example: `8000`."""


_IMAGE_NEEDS_NO_VOLUME = (
    "weights in an image (model.source.ociImage) need no volume: remove cache.size, cache.storageClassName, "
    "cache.existingClaim and cache.verify"
)

_OWN_VOLUME_NEEDS_NO_OTHER = (
    "weights on a volume of yours (model.source.persistentVolumeClaim) need no other, and it is never resized or "
    "deleted: remove cache.size, cache.storageClassName, cache.existingClaim and cache.retention"
)

_LIVE_LOADING_NEEDS_A_GUARD = (
    "engine.lora.loading: Live opens the paths that load adapters to every client: set apiKeySecretRef or "
    "networkPolicy, or loading: Restart"
)

_LIVE_LOADING_BEHIND_A_ROUTE_NEEDS_A_KEY = (
    "engine.lora.loading: Live behind a route opens the paths that load adapters to whoever reaches its Gateways: set "
    "apiKeySecretRef, or loading: Restart"
)

_QUEUE_IS_NAMED_ONCE = (
    f"queueName and the label {QUEUE_LABEL} of podTemplate.labels would queue the same pods twice: remove the label"
)


class NemotronDeploymentSpec(ApiModel):
    """What is asked for: one model, served by one vLLM engine per replica."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.model.source) || !has(self.model.source.ociImage) || !has(self.cache) || "
                "(!has(self.cache.size) && !has(self.cache.storageClassName) && !has(self.cache.existingClaim) && "
                "(!has(self.cache.verify) || self.cache.verify == 'Never'))",
                _IMAGE_NEEDS_NO_VOLUME,
            ),
            rule(
                "!has(self.model.source) || !has(self.model.source.persistentVolumeClaim) || !has(self.cache) || "
                "(!has(self.cache.size) && !has(self.cache.storageClassName) && !has(self.cache.existingClaim) && "
                "(!has(self.cache.retention) || self.cache.retention == 'Retain'))",
                _OWN_VOLUME_NEEDS_NO_OTHER,
            ),
            rule(
                "!has(self.queueName) || !has(self.podTemplate) || !has(self.podTemplate.labels) || "
                f"!('{QUEUE_LABEL}' in self.podTemplate.labels)",
                _QUEUE_IS_NAMED_ONCE,
            ),
            rule(
                "!has(self.engine) || !has(self.engine.lora) || !has(self.engine.lora.loading) || "
                "self.engine.lora.loading != 'Live' || has(self.apiKeySecretRef) || has(self.networkPolicy)",
                _LIVE_LOADING_NEEDS_A_GUARD,
            ),
            rule(
                "!has(self.engine) || !has(self.engine.lora) || !has(self.engine.lora.loading) || "
                "self.engine.lora.loading != 'Live' || !has(self.route) || has(self.apiKeySecretRef)",
                _LIVE_LOADING_BEHIND_A_ROUTE_NEEDS_A_KEY,
            ),
        )
    )

    model: ModelSpec
    """Which model is served, from where, and under which names. Required.
    Example: `{name: nvidia/Llama-3.1-Nemotron-70B-Instruct-HF}`."""

    accelerator: Annotated[str | None, Field(min_length=1, max_length=63, pattern=LABEL_VALUE_PATTERN)] = None
    """Accelerator profile of the operator's configuration: node labels, memory, GPUs per node, tolerations.
    Default: the operator's `defaultAccelerator`. Example: `H100-80GB`."""

    parallelism: ParallelismSpec = Field(default_factory=ParallelismSpec)
    """How one replica is spread over GPUs. Default: decided by the plan. Example: `{tensor: 8}`."""

    engine: EngineSpec = Field(default_factory=EngineSpec)
    """vLLM's settings. Default: decided by the plan. Example: `{maxModelLen: 4096}`."""

    replicas: Annotated[int, Field(strict=True, ge=0, le=1000)] = 1
    """Engines that serve at the same time, each with its own GPUs. `kubectl scale` changes it. Default: 1.
    Example: `2`."""

    autoscaling: AutoscalingSpec | None = None
    """How many replicas serve, decided by load instead of `replicas`. Default: none, `replicas` counts.
    Example: `{maxReplicas: 4}`."""

    queue_name: Annotated[str | None, Field(min_length=1, max_length=63, pattern=LABEL_VALUE_PATTERN)] = None
    """LocalQueue of Kueue that admits the pods when its quota has room. Default: none, nothing is queued.
    Example: `team-a`."""

    suspend: Flag = False
    """Whether to stop serving and free the GPUs while cache and settings stay. Default: false. Example: `true`."""

    cache: CacheSpec = Field(default_factory=CacheSpec)
    """The volume that keeps the weights. Default: a volume of the right size. Example: `{size: 200Gi}`."""

    rollout: RolloutSpec = Field(default_factory=RolloutSpec)
    """How new pods replace those that serve. Default: by the GPUs that are free. Example: `{strategy: Surge}`."""

    service: ServiceSpec = Field(default_factory=ServiceSpec)
    """The Service in front of the replicas. Default: port 8000. Example: `{port: 8000}`."""

    route: RouteSpec | None = None
    """An HTTPRoute from Gateways to the model. Default: none. Example: `{gateways: [{name: inference}]}`."""

    inference_pool: InferencePoolSpec | None = None
    """An InferencePool over the replicas. Default: none. Example: `{endpointPicker: {serviceName: nemotron-epp}}`."""

    network_policy: NetworkPolicySpec | None = None
    """A NetworkPolicy that closes the engines to strangers. Default: none, the network is as the namespace has it.
    Example: `{clients: [{podLabels: {app: chat}}]}`."""

    tls: TlsSpec | None = None
    """The certificate with which the engines serve HTTPS. Default: none, HTTP.
    Example: `{secretName: nemotron-tls}`."""

    api_key_secret_ref: SecretKeyReference | None = None
    """Key that clients must send as bearer token. It guards the paths under /v1, not /metrics or /health.
    Default: no key. Example: `{name: nemotron-api-key, key: key}`."""

    verification: VerificationSpec = Field(default_factory=VerificationSpec)
    """The question that is asked after each rollout, through the Service, with the API key. Default: the catalogue's
    question for the model. Example: `{prompt: "What is 6 times 7?", expect: "42"}`."""

    plan_policy: Literal["Enforce", "Warn"] = "Enforce"
    """What happens when the plan's numbers say that it will not fit: `Enforce` refuses, `Warn` starts all the same and
    says so. Default: `Enforce`. Example: `Warn`."""

    pod_template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    """What a platform adds to the pods. Default: nothing. Example: `{priorityClassName: production}`."""

    @model_validator(mode="after")
    def _keeps_an_image_on_no_volume(self) -> Self:
        source, cache = self.model.source, self.cache
        is_image = source is not None and source.oci_image is not None
        is_volume = any((cache.size, cache.storage_class_name, cache.existing_claim)) or cache.verify != "Never"
        return require(self, not (is_image and is_volume), _IMAGE_NEEDS_NO_VOLUME)

    @model_validator(mode="after")
    def _names_the_queue_once(self) -> Self:
        is_twice = self.queue_name is not None and QUEUE_LABEL in self.pod_template.labels
        return require(self, not is_twice, _QUEUE_IS_NAMED_ONCE)

    @model_validator(mode="after")
    def _leaves_a_volume_of_the_users_alone(self) -> Self:
        source, cache = self.model.source, self.cache
        is_own = source is not None and source.persistent_volume_claim is not None
        is_other = any((cache.size, cache.storage_class_name, cache.existing_claim)) or cache.retention != "Retain"
        return require(self, not (is_own and is_other), _OWN_VOLUME_NEEDS_NO_OTHER)

    @model_validator(mode="after")
    def _guards_live_loading(self) -> Self:
        is_guarded = self.api_key_secret_ref is not None or self.network_policy is not None
        is_live = self.engine.lora.loading == "Live"
        require(self, is_guarded or not is_live, _LIVE_LOADING_NEEDS_A_GUARD)
        is_open = is_live and self.route is not None and self.api_key_secret_ref is None
        return require(self, not is_open, _LIVE_LOADING_BEHIND_A_ROUTE_NEEDS_A_KEY)
