"""What a queue cannot do without."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.needed_apis import LOCAL_QUEUE, explain_missing_queue
from nemotron_operator.plan.request import PlanRequest


def queue_is_possible(request: PlanRequest) -> Violation | None:
    """Refuse a queue where nobody queues: the pods would take at once the GPUs that its quota withholds."""
    queue_name = request.spec.queue_name
    if queue_name is None or LOCAL_QUEUE not in request.facts.missing_apis:
        return None
    message = explain_missing_queue("spec.queueName", queue_name, "remove spec.queueName")
    return Violation(Reason.API_NOT_INSTALLED, message)
