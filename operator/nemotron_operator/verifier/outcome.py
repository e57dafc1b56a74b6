"""How a verification ended, as the one JSON line that the operator reads from the pod's termination message."""

import json
from dataclasses import dataclass, replace
from typing import Any

from nemotron_operator.verifier.conversation import Answer
from nemotron_operator.verifier.engine_report import EngineReport
from nemotron_operator.verifier.errors import Reason, VerificationError

LINE_LIMIT_BYTES = 4095
"""Kubernetes keeps at most 4096 bytes of a termination message, and cuts what is longer in the middle of the JSON."""

ANSWER_LENGTH = 1024
"""How much of an answer is reported, in characters from its beginning."""


@dataclass(frozen=True)
class Complete:
    """The answer is there and holds what was expected."""

    answer: str
    """The beginning of the answer."""

    tokens: int
    """Tokens of the whole answer."""

    time_to_first_token_milliseconds: int
    """From the request to the first token."""

    tokens_per_second: str | None
    """The rate after the first token, with one decimal; None for an answer of one token."""

    engine: EngineReport | None = None
    """What the engine said of itself; None where it did not."""

    @classmethod
    def from_answer(cls, answer: Answer) -> "Complete":
        """Tell an answer in numbers that a Kubernetes API may hold: none is a float."""
        rate = answer.tokens_per_second
        return cls(
            answer=answer.text[:ANSWER_LENGTH],
            tokens=answer.tokens,
            time_to_first_token_milliseconds=round(answer.first_token_seconds * 1000),
            tokens_per_second=None if rate is None else f"{rate:.1f}",
        )

    def as_json(self) -> dict[str, Any]:
        """Name the fields as the operator reads them."""
        return {
            "outcome": "Complete",
            "answer": self.answer,
            "tokens": self.tokens,
            "timeToFirstTokenMilliseconds": self.time_to_first_token_milliseconds,
            "tokensPerSecond": self.tokens_per_second,
            **_tell_engine(self.engine),
        }

    def cut(self, excess: int) -> "Complete":
        """Leave out the end of the answer."""
        return replace(self, answer=self.answer[:-excess])


@dataclass(frozen=True)
class Failed:
    """There is no answer, or not the expected one."""

    reason: Reason
    """Why, in one word."""

    message: str
    """Why, in sentences with the server's or the model's own words, and the way out."""

    retryable: bool
    """Whether the same question may be answered later without a change by a person."""

    engine: EngineReport | None = None
    """What the engine said of itself, whatever it answered; None where it did not."""

    @classmethod
    def from_error(cls, error: VerificationError) -> "Failed":
        """Tell what the error tells."""
        return cls(reason=error.reason, message=error.message, retryable=error.retryable)

    def as_json(self) -> dict[str, Any]:
        """Name the fields as the operator reads them."""
        return {
            "outcome": "Failed",
            "reason": self.reason.value,
            "message": self.message,
            "retryable": self.retryable,
            **_tell_engine(self.engine),
        }

    def cut(self, excess: int) -> "Failed":
        """Leave out the end of the message."""
        return replace(self, message=f"{self.message[: -excess - 3]}...")


Outcome = Complete | Failed


def _tell_engine(engine: EngineReport | None) -> dict[str, Any]:
    return {} if engine is None else {"kvCacheTokens": engine.kv_cache_tokens, "maxConcurrency": engine.max_concurrency}


def render_line(outcome: Outcome) -> str:
    """Render the outcome as one line that fits into a termination message; a long text loses its end.

    Notes
    -----
    A character takes at least one byte of JSON, so dropping as many characters as there are bytes too many is enough.
    """
    line = json.dumps(outcome.as_json())
    excess = len(line) - LINE_LIMIT_BYTES
    return line if excess <= 0 else json.dumps(outcome.cut(excess).as_json())
