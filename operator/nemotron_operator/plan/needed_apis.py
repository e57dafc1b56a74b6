"""Which kinds a spec asks for that not every cluster knows."""

from nemotron_operator.api.spec import NemotronDeploymentSpec

LEADER_WORKER_SET = "LeaderWorkerSet"
"""The kind that makes groups of pods. Whether it is needed is known once a replica's size is."""


def list_needed_apis(spec: NemotronDeploymentSpec) -> frozenset[str]:
    """List the kinds that the spec asks for, or may: how many nodes a pipeline takes is known later."""
    is_certified = spec.tls is not None and spec.tls.cert_manager is not None
    asked = {
        "Certificate": is_certified,
        "HTTPRoute": spec.route is not None,
        "InferencePool": spec.inference_pool is not None,
        LEADER_WORKER_SET: (spec.parallelism.nodes or 1) > 1 or (spec.parallelism.pipeline or 1) > 1,
        "ScaledObject": spec.autoscaling is not None and spec.autoscaling.by == "KEDA",
    }
    return frozenset(kind for kind, is_asked in asked.items() if is_asked)
