"""How a program ended, as the one JSON line that the operator reads from the pod's termination message."""

import json
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable
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

EXIT_INTERRUPTED = 130
"""A person pressed Ctrl-C (128 and the number of the signal, as a shell tells it)."""

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

    def redacted(self, redact: Callable[[str], str]) -> Self:
        """Take secrets out of the texts; what has none that could hold one stays as it is."""
        del redact
        return self

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
    def redacted(self, redact: Callable[[str], str]) -> Self:
        return replace(self, message=redact(self.message))

    @override
    def cut(self, excess: int) -> Self:
        return replace(self, message=self.message[: -excess - len(ELLIPSIS)] + ELLIPSIS)


def render_line(outcome: Outcome) -> str:
    """Render the outcome as one line that fits into a termination message; a long text loses its end.

    Notes
    -----
    A character takes at least one byte of JSON, so dropping as many characters as there are bytes too many is enough.
    One outside of ASCII takes six or twelve, so far fewer may do: as much stays as there is room for.
    """
    line = json.dumps(outcome.as_json())
    excesses = range(1, len(line) - LINE_LIMIT_BYTES + 1)
    if not excesses:
        return line
    fewest = bisect_left(excesses, True, hi=len(excesses) - 1, key=lambda excess: _fits(outcome.cut(excess)))  # noqa: FBT003 - what is looked for
    return json.dumps(outcome.cut(excesses[fewest]).as_json())


def _fits(outcome: Outcome) -> bool:
    return len(json.dumps(outcome.as_json())) <= LINE_LIMIT_BYTES
