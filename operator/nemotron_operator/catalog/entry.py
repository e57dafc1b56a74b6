"""The schema of one catalogue entry: what is known of a model before a byte of it is fetched."""

from typing import Annotated, Literal

from pydantic import Field

from nemotron_operator.api.fields import ApiModel

Positive = Annotated[int, Field(gt=0)]
"""A number of things of which there is at least one."""


class Geometry(ApiModel):
    """The shape of a dense decoder with grouped-query attention, as its config.json gives it."""

    layers: Positive
    """Decoder layers, each with attention and a gated feed-forward block."""
    hidden_size: Positive
    """Width of the residual stream."""
    intermediate_size: Positive
    """Width of the feed-forward block."""
    attention_heads: Positive
    """Query heads of one layer."""
    kv_heads: Positive
    """Key and value heads of one layer."""
    head_dim: Positive
    """Width of one head."""
    vocab_size: Positive
    """Rows of the embedding and of lm_head, before padding."""


class Quantization(ApiModel):
    """How the linear layers are stored. Embeddings, lm_head and norms stay in 2 bytes."""

    method: Literal["none", "compressed-tensors"]
    """The checkpoint's `quant_method`."""
    format: Literal["float-quantized"] | None = None
    """The checkpoint's `format`, with compressed-tensors."""
    linear_weight_bytes: Literal[1, 2]
    """Bytes of one weight of a linear layer."""
    per_channel_scale_bytes: Literal[0, 2, 4] = 0
    """Bytes of the scale of one output channel; 0 without scales."""


class Context(ApiModel):
    """How long sequences may be, in tokens."""

    max_model_len: Positive
    """Prompt and answer together."""
    max_output_tokens: Positive
    """The longest answer that the model's authors document."""


class CatalogSampling(ApiModel):
    """The sampling values of the model card; numbers as text, as in the API."""

    temperature: str
    """Softmax temperature."""
    top_p: str
    """Nucleus sampling mass."""
    max_tokens: Positive
    """Tokens that the card's own call asks for."""


class SmokeQuestion(ApiModel):
    """A question whose answer shows that the model works."""

    system_prompt: str
    """The system message of the card."""
    question: str
    """The user's message."""
    expect: str
    """Text that a right answer contains."""


class CatalogEntry(ApiModel):
    """One model of the Nemotron family."""

    name: str
    """The name that a resource uses."""
    repository: str
    """Organisation and name on the hub."""
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|main)$")]
    """The commit to fetch, or `main`, which the cache Job resolves once to a commit and reports."""
    base_model: str | None = None
    """The unquantised model that this one was made from."""
    architecture: Literal["LlamaForCausalLM"]
    """The class that vLLM picks."""
    activation: Literal["silu"]
    """The feed-forward activation."""
    licence: str
    """Identifier of the licence."""
    languages: tuple[str, ...]
    """Languages of the model card, ISO 639-1."""
    geometry: Geometry
    """The shape."""
    quantization: Quantization
    """How the weights are stored."""
    context: Context
    """How long sequences may be."""
    sampling: CatalogSampling
    """The card's sampling values."""
    smoke: SmokeQuestion
    """The card's question."""
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    """Where these facts were read."""
