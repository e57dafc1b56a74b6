"""What changed between two statuses that a person should hear of: the events of `kubectl describe`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from nemotron_operator.api.cache import DownloadProgress
from nemotron_operator.api.conditions import Condition, ConditionType, Reason
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.status.engine_words import CAUSES
from nemotron_operator.status.pod_causes import POD_CAUSES
from nemotron_operator.status.progress import describe_quarter

_TOLD_ELSEWHERE = frozenset({Reason.WAITING, Reason.NOT_REQUESTED})
"""Reasons that another condition explains better."""

_WAITS = frozenset({Reason.UNSCHEDULABLE, Reason.WAITING_FOR_GPU})
"""Reasons of pods that only wait."""

_FAILURES = {Reason.DAMAGED, Reason.IMAGE_PULL_FAILED} | (
    {*(row.explanation.reason for row in CAUSES), *(each.reason for each in POD_CAUSES)} - _WAITS
)
"""Reasons that a person should hear of, also where it is tried again."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One event to post."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def list_transitions(before: NemotronDeploymentStatus, after: NemotronDeploymentStatus) -> tuple[Transition, ...]:
    """List the conditions whose status or reason changed, each message once, and the quarter that a download passed.

    Notes
    -----
    Comparing the status that was published with the one that is published now makes each event happen once, also
    across restarts of the operator.
    """
    earlier = {condition.type: (condition.status, condition.reason) for condition in before.conditions}
    changed = [
        condition
        for condition in _in_order_of_the_pipeline(after.conditions)
        if earlier.get(condition.type) != (condition.status, condition.reason)
    ]
    stalled = {condition.reason for condition in after.conditions if condition.type == ConditionType.STALLED}
    transitions = {
        condition.reason: Transition(
            "Warning" if condition.reason in {*stalled, *_FAILURES} else "Normal",
            condition.reason,
            condition.message,
        )
        for condition in changed
        if condition.reason not in _TOLD_ELSEWHERE
    }
    if quarter := describe_quarter(_progress_of(before), _progress_of(after)):
        transitions.setdefault(Reason.DOWNLOADING, Transition("Normal", Reason.DOWNLOADING, quarter))
    return tuple(transitions.values())


def _progress_of(status: NemotronDeploymentStatus) -> DownloadProgress | None:
    return status.cache.progress if status.cache else None


def _in_order_of_the_pipeline(conditions: Iterable[Condition]) -> list[Condition]:
    # Ready repeats what Available says, and says more.
    order = [ConditionType.PLANNED, ConditionType.MODEL_CACHED, ConditionType.VERIFIED, ConditionType.READY]
    told = [condition for condition in conditions if condition.type in order]
    return sorted(told, key=lambda condition: order.index(ConditionType(condition.type)))
