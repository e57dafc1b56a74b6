"""The NemotronDeployment resource, and the parse step: a body from the API or a file becomes a model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from nemotron_operator.api.fields import ApiModel, rule, rules
from nemotron_operator.api.pattern_words import describe_pattern
from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.constants import API_GROUP, API_VERSION, KIND

MAX_NAME_LENGTH = 48
"""Longest name of a resource: children add a suffix of up to 15 characters, and labels end at 63."""

NAME_PATTERN = "[a-z]([-a-z0-9]*[a-z0-9])?"
"""What a resource may be called: what a Service may be called (RFC 1035)."""

NAME_RULE = (
    f"metadata.name must be at most {MAX_NAME_LENGTH} characters, lower case letters, digits and '-',"
    " starting with a letter: it becomes the name of a Service"
)
"""The same in words."""

MAX_QUOTED_LENGTH = 200
"""How much of a wrong value a message repeats."""


class NemotronDeployment(ApiModel):
    """One Nemotron model, served by vLLM on GPUs: planned, downloaded once, started, watched."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"size(self.metadata.name) <= {MAX_NAME_LENGTH} && self.metadata.name.matches('^{NAME_PATTERN}$')",
                NAME_RULE,
            )
        )
    )

    spec: NemotronDeploymentSpec
    """What is asked for."""

    status: NemotronDeploymentStatus = Field(default_factory=NemotronDeploymentStatus)
    """What the operator saw and decided. Only the operator writes it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which resource this is: what children, events and log lines name."""

    namespace: str
    name: str
    uid: str
    generation: int


@dataclass(frozen=True, slots=True)
class ParsedDeployment:
    """A resource whose spec is sound in form."""

    identity: Identity
    spec: NemotronDeploymentSpec


@dataclass(frozen=True, slots=True)
class InvalidDeployment:
    """A resource whose spec this operator cannot read: one that an older schema let in."""

    identity: Identity
    message: str


def parse_deployment(body: Mapping[str, Any]) -> ParsedDeployment | InvalidDeployment:
    """Read a NemotronDeployment from its JSON form.

    Notes
    -----
    The API server has pruned and defaulted the body already; a body from a file has been neither.
    """
    identity = identify(body)
    if re.fullmatch(NAME_PATTERN, identity.name) is None or len(identity.name) > MAX_NAME_LENGTH:
        return InvalidDeployment(
            identity, f"metadata.name: {_shorten(repr(identity.name))} cannot be used. {NAME_RULE}"
        )
    try:
        spec = NemotronDeploymentSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        return InvalidDeployment(identity, describe_validation_error(error))
    return ParsedDeployment(identity, spec)


def parse_status(body: Mapping[str, Any]) -> NemotronDeploymentStatus:
    """Read the status that stands in the API; one that cannot be read counts as none and is written anew."""
    try:
        return NemotronDeploymentStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return NemotronDeploymentStatus()


def identify(body: Mapping[str, Any]) -> Identity:
    """Read name, namespace, uid and generation; a body from a file has only the name."""
    metadata = body.get("metadata") or {}
    return Identity(
        namespace=metadata.get("namespace") or "default",
        name=metadata.get("name") or "",
        uid=metadata.get("uid") or "",
        generation=metadata.get("generation") or 0,
    )


def describe_validation_error(error: ValidationError) -> str:
    """Name every field that is wrong, its value, and what would be right."""
    return "; ".join(_describe(details) for details in error.errors()[:5])


def _describe(details: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails lives in pydantic_core
    field = ".".join(["spec", *(str(part) for part in details["loc"])])
    if details["type"] == "extra_forbidden":
        return f"{field}: is not a field of {API_GROUP}/{API_VERSION} {KIND}; remove it or correct its spelling"
    if details["type"] == "missing":
        return f"{field}: is required"
    if isinstance(details["input"], Mapping):  # a rule about several fields, which it names
        return f"{field}: {_explain(details)}"
    return f"{field}: {_explain(details)} (found {_shorten(repr(details['input']))})"


def _explain(details: Any) -> str:  # noqa: ANN401 - as above
    """Say what would be right, in the words of whoever writes YAML where pydantic speaks of Python."""
    match details["type"]:
        case "string_pattern_mismatch" if words := describe_pattern(details["ctx"]["pattern"]):
            return f"must be {words}"
        case "string_type" if isinstance(details["input"], int | float):
            return "must be text: write it in quotes"
        case "model_type":
            return "must be a mapping with fields of its own"
        case _:
            return str(details["msg"]).removeprefix("Value error, ")


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_QUOTED_LENGTH else f"{text[:MAX_QUOTED_LENGTH]}..."
