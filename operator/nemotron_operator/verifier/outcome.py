"""How a verification ended, as the one JSON line that the operator reads from the pod's termination message."""

from dataclasses import dataclass, replace
from typing import Any, Self

from typing_extensions import override

from nemotron_operator.termination import outcome as termination
from nemotron_operator.verifier.conversation import Answer
from nemotron_operator.verifier.engine_report import EngineReport

ANSWER_LENGTH = 1024
"""How much of an answer is reported, in characters from its beginning."""


@dataclass(frozen=True)
class Complete(termination.Outcome):
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

    @override
    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": "Complete",
            "answer": self.answer,
            "tokens": self.tokens,
            "timeToFirstTokenMilliseconds": self.time_to_first_token_milliseconds,
            "tokensPerSecond": self.tokens_per_second,
            **_tell_engine(self.engine),
        }

    @override
    def cut(self, excess: int) -> Self:
        return replace(self, answer=self.answer[:-excess])


@dataclass(frozen=True)
class Failed(termination.Failed):
    """There is no answer, or not the expected one; the message has the server's or the model's own words."""

    engine: EngineReport | None = None
    """What the engine said of itself, whatever it answered; None where it did not."""

    @override
    def as_json(self) -> dict[str, Any]:
        return super().as_json() | _tell_engine(self.engine)


Outcome = Complete | Failed


def _tell_engine(engine: EngineReport | None) -> dict[str, Any]:
    return {} if engine is None else {"kvCacheTokens": engine.kv_cache_tokens, "maxConcurrency": engine.max_concurrency}
