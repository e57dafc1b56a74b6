"""What a group of pods on several nodes takes beside their GPUs: an API that makes groups, and names for them."""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.checks.platform import refuse_foreign
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.names import GROUP_SUFFIX
from nemotron_operator.plan.needed_apis import LEADER_WORKER_SET, explain_forbidden
from nemotron_operator.plan.node_count import count_nodes
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import Sizing

_LONGEST_LABEL = 63

_REVISION_HASH = 10
"""Characters of the hash that the StatefulSets of a group add to their name, for a label of their pods."""


def groups_are_possible(request: PlanRequest, sizing: Sizing) -> Violation | None:
    """Refuse several nodes where no controller makes groups of pods."""
    nodes = _count(request, sizing)
    if nodes == 1 or LEADER_WORKER_SET not in request.facts.missing_apis:
        return None
    refusal = request.facts.forbidden_apis.get(LEADER_WORKER_SET)
    if refusal is not None:
        words = explain_forbidden(LEADER_WORKER_SET, refusal)
        message = f"spec.parallelism: a replica over {nodes} nodes needs {LEADER_WORKER_SET}. {words}"
        return Violation(Reason.API_NOT_INSTALLED, message)
    return Violation(
        Reason.API_NOT_INSTALLED,
        f"spec.parallelism: a replica over {nodes} nodes needs LeaderWorkerSet, which this cluster does not have: "
        "install it (https://lws.sigs.k8s.io), or set parallelism so that one node holds a replica.",
    )


def groups_have_names(request: PlanRequest, sizing: Sizing) -> Violation | None:
    """Refuse a name from which the labels of a group's pods would be too long: none of them could be made."""
    nodes, autoscaling = _count(request, sizing), request.spec.autoscaling
    # During a rollout there may be one group more than replicas, and the first has number 0.
    largest_number = max(1, request.spec.replicas, autoscaling.max_replicas if autoscaling else 0)
    longest = _LONGEST_LABEL - len(f"{GROUP_SUFFIX}-{largest_number}-") - _REVISION_HASH
    length = len(request.identity.name)
    if nodes == 1 or length <= longest:
        return None
    return Violation(
        Reason.INVALID_SPEC,
        f"metadata.name: the {length} characters of {request.identity.name!r} are too many for a replica over {nodes} "
        f"nodes, whose pods and their labels have longer names: take at most {longest}, or set parallelism so that "
        "one node holds a replica.",
    )


def group_names_are_free(request: PlanRequest, sizing: Sizing) -> Violation | None:
    """Never take over what belongs to somebody else, nor let LeaderWorkerSet do so."""
    found = next(iter(request.facts.foreign_group_objects), None)
    return refuse_foreign(found) if found is not None and _count(request, sizing) > 1 else None


def _count(request: PlanRequest, sizing: Sizing) -> int:
    asked, gpus_per_node = request.spec.parallelism, request.known_profile.gpus_per_node
    return count_nodes(asked, sizing.shape.parallelism, gpus_per_node)
