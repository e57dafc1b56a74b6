"""The queue in which a batch waits for its GPUs: it has to be there, or nobody holds the Job back."""

from nemotron_operator.cli.batch.manifests import Batch
from nemotron_operator.cluster.discovery import find_served_kinds
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import LOCAL_QUEUE
from nemotron_operator.constants import QUEUE_LABEL
from nemotron_operator.errors import OperatorError
from nemotron_operator.plan.needed_apis import explain_missing_queue


async def require_queue(gateway: ClusterGateway, batch: Batch) -> None:
    """See that the cluster knows Kueue's queues, if the batch asks for one; said as the operator says it.

    Raises
    ------
    OperatorError
        It does not: the Job would take at once the GPUs that its quota withholds.
    """
    if batch.queue_name is None or LOCAL_QUEUE in await find_served_kinds(gateway):
        return
    field, way_out = "spec.queueName", "remove spec.queueName"
    if batch.plan.queue_name is None:
        field = "spec.podTemplate.labels"
        way_out = f"remove the label {QUEUE_LABEL} from {field}"
    raise OperatorError(explain_missing_queue(field, batch.queue_name, way_out))
