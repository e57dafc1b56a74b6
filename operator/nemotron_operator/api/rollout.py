"""How new pods replace those that serve: what is asked for, and what was chosen."""

from typing import Annotated, Literal

from pydantic import Field

from nemotron_operator.api.fields import ApiModel

LONGEST_DRAIN_SECONDS = 3600
"""Pods that go hold their GPUs for so long at most."""


class RolloutSpec(ApiModel):
    """How new pods replace those that serve, when the pods have to change."""

    strategy: Literal["Auto", "Surge", "Replace"] = "Auto"
    """`Surge` starts a new replica before an old one stops, and needs the GPUs of one more replica. `Replace` stops one
    old replica at a time and starts the new one on its GPUs. `Auto` surges if a node has the GPUs free when the rollout
    begins, and replaces otherwise; the status says which and why. Default: `Auto`. Example: `Replace`."""

    drain_seconds: Annotated[int | None, Field(strict=True, ge=0, le=LONGEST_DRAIN_SECONDS)] = None
    """How long requests in flight may go on when a pod is told to stop, in seconds. What takes longer is cut off, and
    its connection ends at most 30 seconds later; `0` cuts off all. Default: 120, an answer of 4096 tokens at 34 tokens
    a second. Example: `600`."""


class RolloutStatus(ApiModel):
    """How the pods that should serve replace those that did."""

    strategy: Literal["Surge", "Replace"]
    """What was chosen when the last rollout began. Example: `Replace`."""

    message: Annotated[str, Field(max_length=1024)]
    """Why. Example: `One more replica needs 8 free H100-80GB on one node; the best node, h100-0, has 6.`."""

    operator_version: Annotated[str | None, Field(max_length=64)] = None
    """Version of the operator that rendered the pods; a later one leaves them as they are. Example: `0.1.0`."""

    available_revision: Annotated[str | None, Field(max_length=64)] = None
    """Hash of the pod template that this operator would render for the same spec, if it is another one: `nemoctl adopt`
    takes it. Example: `7d793037a076`."""
