"""Who still holds GPUs although no replica is desired."""

from nemotron_operator.status.observation import Observation
from nemotron_operator.status.pod_causes import NODE_LOST_WITH_LEAVING_POD


def tell_held(observation: Observation) -> str:
    """Tell who holds GPUs, as a part of a sentence."""
    first, *others = observation.holding_pods or ("",)
    if not first:
        return "no GPU is taken"
    hold = f"and {len(others)} more hold GPUs until they have" if others else "holds GPUs until it has"
    return f"and pod {first} {hold} ended"


def tell_lost(observation: Observation) -> str:
    """Tell, as a further sentence, which of them cannot end, and what to do; nothing where each can."""
    lost = [pod for pod in observation.failed_pods if pod.is_lost and pod.name in observation.holding_pods]
    words = ({"pod": pod.name, "node": pod.node} for pod in lost[-1:])
    return "".join(f" {NODE_LOST_WITH_LEAVING_POD.tell(each)}" for each in words)
