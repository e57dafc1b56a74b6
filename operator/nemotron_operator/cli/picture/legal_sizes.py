"""The choices of one deployment: every tensor parallel size that its accelerator and its model allow, sized."""

from dataclasses import dataclass

from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import Sizing, find_longest_context, list_parallelisms, size_replica


@dataclass(frozen=True, slots=True)
class LegalSize:
    """One legal tensor parallel size, sized for one context."""

    sizing: Sizing
    longest_tokens: int
    """Longest context that this size holds, in tokens; 0 when the engine would not start with any."""

    @property
    def tensor(self) -> int:
        """The tensor parallel size."""
        return self.sizing.shape.parallelism.tensor


def list_legal_sizes(request: PlanRequest, max_model_len: int) -> list[LegalSize]:
    """Size every legal tensor parallel size of one node for a context, the fewest GPUs first."""
    sizings = [size_replica(request, each, max_model_len) for each in list_parallelisms(request)]
    return [LegalSize(sizing, _find_longest(request, sizing)) for sizing in sizings]


def _find_longest(request: PlanRequest, sizing: Sizing) -> int:
    return find_longest_context(request, sizing) if sizing.holds_states else 0
