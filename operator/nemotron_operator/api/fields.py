"""The pieces that spec and status are made of: the base model and the bounded field types."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from nemotron_operator.api import descriptions
from nemotron_operator.api.quantity import QUANTITY_PATTERN

LABEL_VALUE_PATTERN = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
"""What Kubernetes allows as a label's value."""

LABEL_KEY_PATTERN = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
"""What Kubernetes allows as the key of a label or annotation; no backslash, so that CEL can hold it too."""

DNS_SUBDOMAIN_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
"""What Kubernetes allows as the name of most objects."""


class ApiModel(BaseModel):
    """A part of the resource: camelCase in YAML, immutable, no unknown fields.

    The docstring under an attribute is the field's description in the CRD, in `kubectl explain` and in the reference.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        use_attribute_docstrings=descriptions.are_wanted,
        validate_by_alias=True,
        validate_by_name=True,
    )


def list_type(kind: str, *keys: str) -> dict[str, Any]:
    """Say how server-side apply merges a list: `atomic`, `set`, or `map` with its keys."""
    extension: dict[str, Any] = {"x-kubernetes-list-type": kind}
    if keys:
        extension["x-kubernetes-list-map-keys"] = list(keys)
    return extension


def rule(expression: str, message: str, **more: str) -> dict[str, str]:
    """Make one CEL rule of `x-kubernetes-validations`."""
    return {"rule": expression, "message": message, **more}


def rules(*validations: dict[str, str]) -> dict[str, Any]:
    """Attach CEL rules to a field or a model."""
    return {"x-kubernetes-validations": list(validations)}


Part = TypeVar("Part")
"""Some part of the resource, or the value of a field."""


def require(part: Part, is_so: bool, message: str) -> Part:  # noqa: FBT001 - the statement that must be true
    """Refuse a part of which a statement is not true.

    Raises
    ------
    ValueError
        The statement is not true; pydantic adds the field.
    """
    if not is_so:
        raise ValueError(message)
    return part


ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN_PATTERN)]
"""The name of another object in the resource's own namespace."""

SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
"""A key inside a Secret."""

Quantity = Annotated[str, Field(min_length=1, max_length=32, pattern=QUANTITY_PATTERN)]
"""An amount of bytes or cores as Kubernetes writes it."""

LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE_PATTERN)]
"""The value of a label."""

MapKey = Annotated[str, Field(min_length=1, max_length=317, pattern=LABEL_KEY_PATTERN)]
"""The key of a label or annotation: an optional prefix of 253 characters, a slash, a name of 63."""

KEYS_ARE_QUALIFIED = rule(
    f"self.all(key, key.matches('{LABEL_KEY_PATTERN}'))",
    "a key is an optional DNS prefix and a slash, then a name of letters, digits, '-', '_' and '.'",
)
"""The same in CEL: a structural schema cannot bound the keys of a map."""

RESERVED_LABELS = ("controller-uid", "job-name", "pod-template-hash")
"""Labels that the Job and Deployment controllers keep for themselves, beside those under `batch.kubernetes.io/`."""

LABELS_ARE_FREE = rule(
    f"self.all(key, !(key in {list(RESERVED_LABELS)}) && !key.startsWith('batch.kubernetes.io/'))",
    "labels of the Job and Deployment controllers cannot be set",
)
"""No label that a controller would refuse."""

Flag = Annotated[bool, Field(strict=True)]
"""True or false and nothing that looks like it: the API server does not convert either."""

Bytes = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
"""A number of bytes."""

Count = Annotated[int, Field(ge=0)]
"""A number of things."""
