"""What a queue cannot do without."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.needed_apis import LOCAL_QUEUE
from nemotron_operator.plan.request import PlanRequest


def queue_is_possible(request: PlanRequest) -> Violation | None:
    """Refuse a queue where nobody queues: the pods would take at once the GPUs that its quota withholds."""
    queue_name = request.spec.queue_name
    if queue_name is None or LOCAL_QUEUE not in request.facts.missing_apis:
        return None
    return Violation(
        Reason.API_NOT_INSTALLED,
        f"spec.queueName: {queue_name!r} is a LocalQueue of Kueue (kueue.x-k8s.io), which this cluster does not have: "
        "nothing is started past the quota. Install it (https://kueue.sigs.k8s.io), or remove spec.queueName.",
    )
