"""The question that is asked after each rollout: what a user may say of it, and what came of it."""

from typing import Annotated, Literal

from pydantic import Field

from nemotron_operator.api.fields import ApiModel

MAX_ANSWER_LENGTH = 1024
"""How much of an answer the status keeps, in characters from its beginning."""

NO_NULL_PATTERN = r"^[^\x00]*$"
"""Any text but the null character, which no argument of a program can hold."""

RATE_PATTERN = r"^[0-9]+(\.[0-9])?$"
"""A rate as text with at most one decimal: an API field has no floats."""


class VerificationSpec(ApiModel):
    """The question that is asked through the Service once a new revision serves; Ready waits for its answer."""

    mode: Literal["AfterRollout", "Never"] = "AfterRollout"
    """When the model is asked: `AfterRollout` once for each revision and question, `Never` not at all, and Ready then
    rests on the engine's readiness probe alone. Default: `AfterRollout`. Example: `Never`."""

    prompt: Annotated[str | None, Field(min_length=1, max_length=4096, pattern=NO_NULL_PATTERN)] = None
    """The user's message that the model gets, in characters of plain text; a model without a chat template, such as a
    base model, goes on from it instead. Default: the catalogue's question for the model, else a greeting that any
    answer is good for. Example: `How many r in strawberry?`."""

    expect: Annotated[str | None, Field(max_length=1024, pattern=NO_NULL_PATTERN)] = None
    """Text that the answer has to contain, whatever its case; an empty one is content with any answer.
    Default: the catalogue's text if the prompt is the catalogue's, else empty. Example: `"3"`."""


class VerificationStatus(ApiModel):
    """The last question that was answered as expected."""

    revision: Annotated[str, Field(max_length=64)]
    """Hash of the pod template that answered. Example: `5d41402abc4b`."""

    job: Annotated[str, Field(max_length=253)]
    """The Job that asked; its name stands for the revision and the question. Example: `nemotron-verify-5d41402`."""

    time_to_first_token_milliseconds: Annotated[int, Field(ge=0)]
    """Time from the request to the first token of the answer, in milliseconds. Example: `182`."""

    tokens_per_second: Annotated[str | None, Field(max_length=16, pattern=RATE_PATTERN)] = None
    """Tokens per second after the first; absent for an answer of one token. Example: `"41.7"`."""

    answer: Annotated[str, Field(max_length=MAX_ANSWER_LENGTH)]
    """The beginning of the answer. Example: `There are 3 r in strawberry.`."""

    expected: Annotated[str, Field(max_length=1024)]
    """Text that the answer had to contain; empty when any answer would do. Example: `"3"`."""

    verified_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the answer was there, RFC 3339 in UTC. Example: `"2026-11-24T08:00:00Z"`."""
