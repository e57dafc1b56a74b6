"""The algorithm by which kstatus, and with it Flux and Argo CD, judges a resource (cli-utils, pkg/kstatus)."""

from collections.abc import Mapping
from enum import Enum
from typing import Any


class Verdict(Enum):
    """What a GitOps tool waits for, shows, or gives up on."""

    TERMINATING = "Terminating"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    CURRENT = "Current"


def judge(body: Mapping[str, Any]) -> Verdict:
    """Judge a custom resource by its generation and its standard conditions."""
    metadata, status = body["metadata"], body.get("status") or {}
    if "deletionTimestamp" in metadata:
        return Verdict.TERMINATING
    if "observedGeneration" in status and status["observedGeneration"] != metadata["generation"]:
        return Verdict.IN_PROGRESS
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", [])}
    if conditions.get("Reconciling") == "True":
        return Verdict.IN_PROGRESS
    if conditions.get("Stalled") == "True":
        return Verdict.FAILED
    return Verdict.CURRENT if conditions.get("Ready", "True") == "True" else Verdict.IN_PROGRESS
