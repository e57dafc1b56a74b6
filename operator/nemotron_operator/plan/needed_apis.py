"""Which kinds a spec asks for that not every cluster knows."""

from nemotron_operator.api.spec import NemotronDeploymentSpec

LEADER_WORKER_SET = "LeaderWorkerSet"
"""The kind that makes groups of pods. Whether it is needed is known once a replica's size is."""

LOCAL_QUEUE = "LocalQueue"
"""Kueue's kind that a spec names one of: where nobody knows it, nobody holds the pods back."""


def explain_forbidden(kind_name: str, refusal: str) -> str:
    """Explain that a kind is there and counts as missing, in the words of who forbids it: they name the way out."""
    return f"This cluster has {kind_name}, and the operator may not use it: {refusal}"


def explain_missing_queue(field: str, queue_name: str, way_out: str) -> str:
    """Explain that nobody queues here: the pods would take at once the GPUs that the queue's quota withholds.

    Parameters
    ----------
    field
        What names the queue.
    way_out
        What to do where Kueue shall not be installed.
    """
    return (
        f"{field}: {queue_name!r} is a LocalQueue of Kueue (kueue.x-k8s.io), which this cluster does not have: nothing "
        f"is started past the quota. Install it (https://kueue.sigs.k8s.io), or {way_out}."
    )


def list_needed_apis(spec: NemotronDeploymentSpec) -> frozenset[str]:
    """List the kinds that the spec asks for, or may: how many nodes a pipeline takes is known later."""
    is_certified = spec.tls is not None and spec.tls.cert_manager is not None
    asked = {
        "Certificate": is_certified,
        "HTTPRoute": spec.route is not None,
        "InferencePool": spec.inference_pool is not None,
        LEADER_WORKER_SET: (spec.parallelism.nodes or 1) > 1 or (spec.parallelism.pipeline or 1) > 1,
        LOCAL_QUEUE: spec.queue_name is not None,
        "ScaledObject": spec.autoscaling is not None and spec.autoscaling.by == "KEDA",
    }
    return frozenset(kind for kind, is_asked in asked.items() if is_asked)
