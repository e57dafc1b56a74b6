"""Why engines end, told by their last words: a table, the most specific row first."""

import re
from dataclasses import dataclass

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.explanation import Explanation

WORD_LENGTH = 240
"""How much of one thing that the engine said is repeated."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One row: how a failure shows in the last words of an engine."""

    explanation: Explanation
    pattern: re.Pattern[str]
    """Its named groups are what the sentence repeats."""

    def read(self, last_words: str) -> dict[str, str] | None:
        """Read what the engine said; None when it said something else."""
        found = self.pattern.search(last_words)
        if found is None:
            return None
        return {name: _shorten(value or "") for name, value in found.groupdict().items()}


def cause(reason: Reason, pattern: str, sentence: str, next_step: str, *, passes_by_itself: bool = False) -> Cause:
    """Make a row; a space in the pattern is any whitespace: vLLM breaks lines as it likes."""
    spaced = re.sub(r"(?<!\\) +", r"\\s+", pattern)
    return Cause(Explanation(reason, sentence, next_step, passes_by_itself), re.compile(spaced))


def _shorten(value: str) -> str:
    words = " ".join(value.split())
    return words if len(words) <= WORD_LENGTH else f"{words[:WORD_LENGTH]}..."
