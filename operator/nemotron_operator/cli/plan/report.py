"""What `nemoctl plan -o json` answers: one object for each deployment, the keys documented here."""

from nemotron_operator.api.fields import ApiModel
from nemotron_operator.cli.licences import LicenceReport


class BytesRange(ApiModel):
    """A number of bytes that nobody publishes exactly."""

    low: int
    """The least that can be expected, in bytes. Example: `5100273664`."""

    expected: int
    """What is most likely, in bytes. Example: `5300000000`."""

    high: int
    """The most that can be expected, in bytes. Example: `6442450944`."""


class SettingReport(ApiModel):
    """Another setting of the same deployment that works too, with what one gets for it."""

    settings: tuple[str, ...]
    """Fields of the resource with their values, all of which have to be set; options for `--model` and `--config`.
    Example: `["parallelism.tensor: 4"]`."""

    tensor_parallel_size: int
    """GPUs that share one replica's weights. Example: `4`."""

    gpus: int
    """GPUs that all replicas request together. Example: `8`."""

    max_model_len: int
    """Longest sequence that is served, in tokens. Example: `131072`."""

    kv_cache_tokens: int
    """Tokens that the KV cache of one replica holds. Example: `620000`."""

    max_concurrent_full_length: int
    """Sequences of full length that fit at the same time in one replica. Example: `4`."""

    cost_per_hour: str | None
    """What all replicas cost for an hour, in `currency`; null where the profile has no price. Example: `"32.00"`."""


class PoolReport(ApiModel):
    """Whether a node pool holds all replicas: so many empty nodes (`--nodes`), or a cluster (`--cluster`)."""

    source: str
    """What was looked at: `empty nodes`, or `cluster`. Example: `cluster`."""

    nodes: int
    """Nodes of the accelerator that are ready and take pods. Example: `4`."""

    free_gpus: int
    """GPUs that no pod requests, on all of them. Pods of the planned deployments count as gone. Example: `14`."""

    largest_free_gpus: int
    """GPUs that no pod requests on the node that has most of them. Example: `6`."""

    replicas: int
    """Replicas that find a node now, beside the other planned deployments. Example: `1`."""

    replicas_when_empty: int
    """Replicas that would find a node if no other pod ran there. Example: `4`."""

    holds_all: bool
    """Whether all desired replicas find a node now. Example: `false`."""

    missing: str | None
    """What is missing, in words; null when nothing is. Example: `needs 8 free H100-80GB on one node; the best node has
    6`."""


class NodesReport(ApiModel):
    """Which nodes the replicas need."""

    gpus_per_node: int
    """GPUs of one node of the accelerator profile. Example: `8`."""

    needed: int | None
    """Empty nodes that hold all desired replicas; null when what a node has of one replica is larger than it.
    Example: `1`."""

    pool: PoolReport | None = None
    """What a real or supposed node pool holds; null when none was looked at."""


class PlanReport(ApiModel):
    """The answer for one deployment, in the operator's own words and numbers.

    Every number speaks of one replica, except `gpus` and `costPerHour`. The numbers of what does not fit are those of
    the setting that came closest; they are null when the refusal has another reason, as then nothing was sized.
    """

    file: str
    """The file that the deployment, or the config.json, was read from; `standard input`, or `catalogue` for `--model`.
    Example: `model-card.yaml`."""

    namespace: str
    """Namespace of the deployment; `default` where the file names none. Example: `default`."""

    name: str
    """Name of the deployment; made from the model's for `--model` and `--config`. Example: `nemotron-70b`."""

    fits: bool | None
    """Whether the operator would start it, and its memory account adds up; null where the geometry of the model is not
    known, so that nobody can tell. Example: `true`."""

    is_certain: bool | None = None
    """Whether it fits also where every estimate is at its worst; null when nothing was sized. Example: `true`."""

    reason: str
    """Why, in one word: the reason of the condition `Planned`. Example: `Fits`."""

    message: str
    """Why, in sentences: the message of the condition `Planned`. Example: `2 H100-80GB GPUs per replica ...`."""

    model: str | None = None
    """Catalogue name of the model, or the unknown name that was asked for. Example:
    `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    licences: tuple[LicenceReport, ...] = ()
    """Licences of the model; none where nobody knows them."""

    accelerator: str | None = None
    """Accelerator profile. Example: `H100-80GB`."""

    vllm_version: str | None = None
    """The vLLM that it was planned for; null when the image does not say. Example: `0.33.0`."""

    tensor_parallel_size: int | None = None
    """GPUs that share one replica's weights. Example: `2`."""

    pipeline_parallel_size: int | None = None
    """Stages of layers that run one after the other. Example: `1`."""

    gpus_per_replica: int | None = None
    """GPUs that one replica requests. Example: `2`."""

    nodes_per_replica: int | None = None
    """Nodes over which one replica is spread. Example: `1`."""

    gpus: int | None = None
    """GPUs that all desired replicas request together. Example: `4`."""

    max_model_len: int | None = None
    """Longest sequence that is served, in tokens. Example: `131072`."""

    gpu_memory_utilization_percent: int | None = None
    """Share of a GPU's memory that the engine may take, in percent. Example: `92`."""

    kv_cache_dtype: str | None = None
    """Number format of the KV cache, as decided: `bfloat16` or `fp8`. Example: `bfloat16`."""

    max_num_seqs: int | None = None
    """Sequences that one step may batch. Example: `1024`."""

    max_num_batched_tokens: int | None = None
    """Tokens that one scheduling step may process. Example: `8192`."""

    gpu_memory_bytes: int | None = None
    """Memory of one GPU as CUDA reports it, in bytes. Example: `84943044608`."""

    engine_bytes_per_gpu: int | None = None
    """What the engine may take of one GPU (`gpuMemoryUtilizationPercent`), in bytes. Example: `78147601040`."""

    weights_bytes_per_gpu: int | None = None
    """Weights on one GPU, in bytes. Example: `36346793984`."""

    working_bytes_per_gpu: int | None = None
    """Activations, communication buffers and graphs on one GPU, as expected, in bytes. Example: `5300000000`."""

    activation_bytes_per_gpu: BytesRange | None = None
    """Of these the peak of the profiling run beyond the weights."""

    non_torch_bytes_per_gpu: BytesRange | None = None
    """Of these the growth of the CUDA context, and communication buffers."""

    cuda_graph_bytes_per_gpu: BytesRange | None = None
    """Of these the CUDA graphs, as far as this vLLM sets memory aside for them."""

    adapter_bytes_per_gpu: int | None = None
    """Of these the room for LoRA adapters, in bytes; 0 without them. Example: `0`."""

    kv_bytes_per_token: int | None = None
    """KV cache of one token over all GPUs of the replica, in bytes. Example: `327680`."""

    state_bytes_per_sequence: int | None = None
    """What Mamba layers keep of one sequence over all GPUs of the replica, in bytes; 0 without them. Example: `0`."""

    kv_cache_bytes_per_gpu: int | None = None
    """Memory left for the KV cache on one GPU, in bytes; 0 when nothing is left. Example: `36000000000`."""

    kv_cache_bytes_per_gpu_range: BytesRange | None = None
    """The same with its uncertainty: `low` where every estimate is at its worst."""

    kv_cache_tokens: int | None = None
    """Tokens that the KV cache of one replica holds, as vLLM counts them. Example: `220000`."""

    max_concurrent_full_length: int | None = None
    """Sequences of full length that fit at the same time, rounded down. Example: `1`."""

    longest_max_model_len: int | None = None
    """Longest context that the same GPUs hold, in tokens: a multiple of 1024, or the model's own; 0 when there is none.
    Example: `131072`."""

    smallest_tensor_parallel_size: int | None = None
    """Fewest GPUs of one tensor-parallel group that hold the same context; null when no node does. Example: `2`."""

    startup_seconds: int | None = None
    """Estimated seconds from pod start to the first answer, with an assumed read rate. Example: `527`."""

    startup_budget_seconds: int | None = None
    """Seconds after which a start counts as failed. Example: `1054`."""

    cost_per_hour: str | None = None
    """What all desired replicas cost for an hour, as text; null where the profile has no `gpuPricePerHour`.
    Example: `"32.00"`."""

    currency: str | None = None
    """Currency of every cost, ISO 4217; null without a price. Example: `USD`."""

    next_cheaper: SettingReport | None = None
    """The next smaller tensor parallel size that works, and what gives way for it; null when there is none."""

    next_faster: SettingReport | None = None
    """The next larger tensor parallel size of one node: each GPU reads less for a token; null when there is none."""

    fitting_settings: tuple[str, ...] = ()
    """What would fit instead of what does not, the nearest first; each is enough. Empty for what fits. Options for
    `--model` and `--config`.
    Example: `["parallelism.tensor: 4", "engine.maxModelLen: 90112"]`."""

    nodes: NodesReport | None = None
    """The nodes that the replicas need, and whether a node pool holds them; null when nothing was sized."""

    known_weights_bytes: BytesRange | None = None
    """What is known of the size of a model whose geometry is not, all GPUs together; `expected` is the middle."""

    assumptions: tuple[str, ...] = ()
    """What only a cluster could tell and was assumed, in sentences.
    Example: `PersistentVolumeClaim 'a' exists, and every replica may mount it`."""

    remarks: tuple[str, ...] = ()
    """What the answer leaves open, or takes for granted, in sentences. Example: `The model brings Python code ...`."""
