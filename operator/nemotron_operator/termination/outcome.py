"""How a program ended, as the one JSON line that the operator reads from the pod's termination message."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

from typing_extensions import override

from nemotron_operator.termination.errors import ExplainedError

EXIT_COMPLETE = 0
"""What the program is for is done."""

EXIT_TERMINAL = 3
"""A person has to change something first: the Job's podFailurePolicy must not run the pod again."""

EXIT_RETRYABLE = 75
"""Trying again may help (EX_TEMPFAIL of sysexits)."""

LINE_LIMIT_BYTES = 4095
"""Kubernetes keeps at most 4096 bytes of a termination message, and cuts what is longer in the middle of the JSON."""

ELLIPSIS = "..."
"""What stands at the end of a message that was cut. ASCII, so that it is three bytes."""


class Outcome(ABC):
    """The end of a program. One that says nothing else is a good one."""

    @property
    def exit_code(self) -> int:
        """Tell Kubernetes by a number whether to run the pod again."""
        return EXIT_COMPLETE

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """Name the fields as the operator reads them."""

    def cut(self, excess: int) -> Self:
        """Leave out so many characters of the longest text; what has none that could be long stays as it is."""
        del excess
        return self


@dataclass(frozen=True)
class Failed(Outcome):
    """The program did not do what it is for."""

    reason: str
    """Why, in one word."""

    message: str
    """Why, in sentences with names, numbers and the way out."""

    retryable: bool
    """Whether the same command may succeed later without a change by a person."""

    @classmethod
    def from_error(cls, error: ExplainedError) -> Self:
        """Tell what the error tells."""
        return cls(reason=error.reason, message=error.message, retryable=error.retryable)

    @property
    @override
    def exit_code(self) -> int:
        return EXIT_RETRYABLE if self.retryable else EXIT_TERMINAL

    @override
    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": "Failed",
            "reason": str(self.reason),
            "message": self.message,
            "retryable": self.retryable,
        }

    @override
    def cut(self, excess: int) -> Self:
        return replace(self, message=self.message[: -excess - len(ELLIPSIS)] + ELLIPSIS)


def render_line(outcome: Outcome) -> str:
    """Render the outcome as one line that fits into a termination message; a long text loses its end.

    Notes
    -----
    A character takes at least one byte of JSON, so dropping as many characters as there are bytes too many is enough.
    """
    line = json.dumps(outcome.as_json())
    excess = len(line) - LINE_LIMIT_BYTES
    return line if excess <= 0 else json.dumps(outcome.cut(excess).as_json())
