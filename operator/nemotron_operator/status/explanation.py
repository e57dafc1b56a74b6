"""What an explanation is made of: a reason for tools, a sentence and the next step for people."""

from collections.abc import Mapping
from dataclasses import dataclass

from nemotron_operator.api.conditions import Reason


@dataclass(frozen=True, slots=True)
class Trouble:
    """One explained problem."""

    reason: Reason
    message: str
    needs_human: bool
    """Whether nothing will move before somebody acts."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is told of one kind of failure. Names in braces are filled in: `pod`, `namespace`, and what was read."""

    reason: Reason
    sentence: str
    next_step: str
    passes_by_itself: bool = False
    """Whether nobody has to act before it may go on; of an engine's end, how often it happened decides."""

    def tell(self, words: Mapping[str, object]) -> str:
        """Write sentence and next step."""
        return f"{self.sentence} {self.next_step}".format_map(words)

    def explain(self, words: Mapping[str, object], *, needs_human: bool | None = None) -> Trouble:
        """Make a problem of it; whether it needs a human is its own to say, unless the caller knows better."""
        return Trouble(self.reason, self.tell(words), not self.passes_by_itself if needs_human is None else needs_human)
