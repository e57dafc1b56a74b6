"""What `nemoctl plan --all -o json` answers: one object for each model, accelerator and tensor parallel size."""

from nemotron_operator.api.fields import ApiModel

UNKNOWN_GEOMETRY = "the geometry is not known to this catalogue"
"""What is said of a model without a config.json."""


class MatrixReport(ApiModel):
    """What one tensor parallel size of one accelerator holds of one model, with nothing else set.

    The numbers speak of one replica, and of `maxModelLen`. They are null where nothing can be said, or nothing is held.
    """

    model: str
    """Catalogue name of the model. Example: `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    accelerator: str
    """Accelerator profile of the configuration. Example: `H100-80GB`."""

    tensor_parallel_size: int | None
    """GPUs that share one replica's weights; null where the geometry is not known. Example: `2`."""

    fits: bool
    """Whether the model's full context fits. Example: `true`."""

    model_context: int
    """Longest sequence that the model was made for, in tokens. Example: `131072`."""

    max_model_len: int | None = None
    """Longest context that this size holds, in tokens; null when it holds none. Example: `131072`."""

    kv_cache_tokens: int | None = None
    """Tokens that the KV cache of one replica holds, as vLLM reports them for that context. Example: `220000`."""

    max_concurrent_full_length: int | None = None
    """Sequences of `maxModelLen` tokens that fit at the same time, rounded down. Example: `1`."""

    weights_bytes_per_gpu: int | None = None
    """Weights on one GPU, in bytes. Example: `36346793984`."""

    is_certain: bool = False
    """Whether `maxModelLen` fits also where every estimate is at its worst. Example: `true`."""

    remark: str = ""
    """What else there is to say: that the geometry is not known, or that one node is not enough.
    Example: `needs more than one node: 16 GPUs hold it (tensor 8, pipeline 2)`."""
