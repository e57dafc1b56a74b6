"""What a good run of `nemotron-batch` tells: how many requests there are, and what became of them."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from nemotron_operator.termination.outcome import Outcome


@dataclass(frozen=True)
class Complete(Outcome):
    """What was asked for is done."""

    total: int
    answered: int = 0
    refused: int = 0
    """Refused, or failed too often: their lines say why."""
    missing: int = 0
    """Without any line."""
    sha256: str | None = None
    """Of what was received or written; None where nothing was."""

    @override
    def as_json(self) -> dict[str, Any]:
        return {
            "outcome": "Complete",
            "total": self.total,
            "answered": self.answered,
            "failed": self.refused,
            "missing": self.missing,
            "sha256": self.sha256,
        }
