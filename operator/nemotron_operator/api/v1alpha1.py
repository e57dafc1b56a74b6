"""The NemotronDeployment resource, and the parse step: a body from the API or a file becomes a model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from nemotron_operator.api.fields import ApiModel, rule, rules
from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.validation_words import describe_errors, shorten
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
        return InvalidDeployment(identity, f"metadata.name: {shorten(repr(identity.name))} cannot be used. {NAME_RULE}")
    try:
        spec = NemotronDeploymentSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        owner = f"{API_GROUP}/{API_VERSION} {KIND}"
        return InvalidDeployment(identity, describe_errors(error, NemotronDeploymentSpec, owner, root="spec"))
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
