"""What the values of all charts are made of."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

KubernetesObject = dict[str, Any]
"""An object of Kubernetes' own, whose fields the API server checks."""

Labels = dict[str, str]
"""Labels or annotations."""


class ValuesModel(BaseModel):
    """A part of a chart's values: each field has a default, and its docstring is the comment that a person reads."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_by_name=True,
        validate_by_alias=True,
    )


class ObjectName(ValuesModel):
    """The name of an object."""

    name: Annotated[str, Field(min_length=1)]
    """Its name."""
