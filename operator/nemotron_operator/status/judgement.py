"""What a finding is made of, whatever it speaks of."""

import re
from dataclasses import dataclass

from nemotron_operator.api.conditions import REASON_PATTERN, ConditionType, Finding, Reason
from nemotron_operator.api.v1alpha1 import InvalidDeployment
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from nemotron_operator.status.observed_pods import JobFailure

Decision = ServingPlan | Rejection | InvalidDeployment
"""What planning, or already parsing, came to."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding, and whether a human is needed before it can change."""

    finding: Finding
    needs_human: bool = False


def yes(kind: ConditionType, reason: Reason | str, message: str) -> Finding:
    """Find that it is so."""
    return Finding(type=kind, status="True", reason=reason, message=message)


def no(kind: ConditionType, reason: Reason | str, message: str) -> Finding:
    """Find that it is not so."""
    return Finding(type=kind, status="False", reason=reason, message=message)


def unknown(kind: ConditionType, reason: Reason, message: str) -> Finding:
    """Find that nobody can know yet."""
    return Finding(type=kind, status="Unknown", reason=reason, message=message)


def is_reason(text: str) -> bool:
    """Tell whether a text that a Job brought may be the reason of a condition."""
    return re.fullmatch(REASON_PATTERN, text) is not None


def describe_retry(failed_pods: int, failure: JobFailure | None) -> str:
    """Tell which attempt of a Job runs and how the last one ended, as a sentence that follows another."""
    if failure is None:
        return ""
    return f" Attempt {failed_pods + 1}; the last one ended with {failure.reason}: {failure.message}"
