"""The schema of one catalogue entry: what is known of a model before a byte of it is fetched."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from nemotron_operator.api.fields import ApiModel
from nemotron_operator.architecture.model import Architecture
from nemotron_operator.architecture.reader import read_architecture

Positive = Annotated[int, Field(gt=0)]
"""A number of things of which there is at least one."""


class Context(ApiModel):
    """How long sequences may be, in tokens."""

    max_model_len: Positive
    """Prompt and answer together."""
    max_output_tokens: Positive | None = None
    """The longest answer that the model's authors document; None where they name none."""


class CatalogSampling(ApiModel):
    """The sampling values of the model card; numbers as text, as in the API. None where the card names none."""

    temperature: str | None = None
    """Softmax temperature."""
    top_p: str | None = None
    """Nucleus sampling mass."""
    max_tokens: Positive | None = None
    """Tokens that the card's own call asks for."""


class SmokeQuestion(ApiModel):
    """A question whose answer shows that the model works."""

    system_prompt: str
    """The system message of the card; empty for none."""
    question: str
    """The user's message."""
    expect: str
    """Text that a right answer contains."""


class ServingFlags(ApiModel):
    """What a server of this model has to be told, by the card or by vLLM's recipes."""

    minimum_vllm: Annotated[str | None, Field(pattern=r"^\d+\.\d+\.\d+$")] = None
    """The first vLLM version that serves it."""
    trust_remote_code: bool = False
    """Whether its repository brings Python code without which vLLM cannot load it."""
    tool_call_parser: str | None = None
    """`--tool-call-parser`, built into vLLM or of the plugin."""
    tool_parser_plugin: str | None = None
    """File of the repository that holds the parser of tool calls."""
    reasoning_parser: str | None = None
    """`--reasoning-parser`, built into vLLM or of the plugin."""
    reasoning_parser_plugin: str | None = None
    """File of the repository that holds the parser of reasoning."""
    kv_cache_dtype: str | None = None
    """KV cache format that the card serves it with."""
    mamba_ssm_cache_dtype: str | None = None
    """Format of the Mamba state that the card serves it with."""


class WeightBytes(ApiModel):
    """What is known of the size of a model whose geometry is not: two ends."""

    low: Positive
    """At least so many bytes."""
    high: Positive
    """At most so many bytes."""
    source: str
    """Where that was read."""


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
    licence: str
    """Identifier of the licence."""
    base_licence: str | None = None
    """Identifier of the licence of the model that it was made from, where that holds too; None where it does not."""
    languages: tuple[str, ...] = ()
    """Languages of the model card, ISO 639-1."""
    context: Context
    """How long sequences may be."""
    sampling: CatalogSampling = CatalogSampling()
    """The card's sampling values."""
    smoke: SmokeQuestion | None = None
    """The card's question; None for a model that is not asked."""
    flags: ServingFlags = ServingFlags()
    """What a server of it has to be told."""
    published_parameters: Annotated[str | None, Field(pattern=r"^\d+(\.\d+)?[BM]?$")] = None
    """Number of parameters as its authors publish it, such as `49.87B`."""
    config: Mapping[str, Any] | None = None
    """The model's config.json, as far as it decides about memory; None where it is not known."""
    known_weight_bytes: WeightBytes | None = None
    """What is known of its size without a config.json."""
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    """Where these facts were read."""

    @property
    def licences(self) -> tuple[str, ...]:
        """Identifiers of every licence that holds for it."""
        return (self.licence, self.base_licence) if self.base_licence else (self.licence,)

    @cached_property
    def architecture(self) -> Architecture | None:
        """The shape that config.json describes; None where it is not known.

        Raises
        ------
        ArchitectureError
            The config.json cannot be planned.
        """
        return None if self.config is None else read_architecture(self.config)
