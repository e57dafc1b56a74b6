"""What every pod of the operator has: identity on the node, placement, labels."""

from typing import Any

from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.engine import MODELS_PATH, SCRATCH_PATH
from nemotron_operator.render.metadata import label_child

OWN_CONTAINERS = frozenset({"download", "verify", "vllm"})
"""Names of the containers in the templates; a mesh or an agent may inject others beside them."""

USER_ID = 2000
"""The user `vllm` of the public vLLM image; the downloader runs as the same user, so that the files match."""

POD_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER_ID,
    "runAsGroup": USER_ID,
    "fsGroup": USER_ID,
    # A chown of every file of a 140 GB model at each start would cost minutes.
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Pod Security Standard `restricted`, pod level."""

CONTAINER_SECURITY: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
"""Pod Security Standard `restricted`, container level."""


def render_pod_labels(plan: ServingPlan, component: str) -> dict[str, str]:
    """Render a pod's labels; the operator's win over the user's."""
    return {**plan.pod.template.labels, **label_child(plan.identity, component)}


def render_pod_annotations(plan: ServingPlan, own: dict[str, str]) -> dict[str, str]:
    """Render a pod's annotations; the operator's win over the user's."""
    return {**plan.pod.template.annotations, **own}


def render_affinity(plan: ServingPlan) -> dict[str, Any]:
    """Require the node labels of the accelerator profile, any of whose values will do."""
    expressions = [{"key": label, "operator": "In", "values": list(values)} for label, values in plan.pod.node_labels]
    if not expressions:
        return {}
    terms = [{"matchExpressions": expressions}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def render_tolerations(plan: ServingPlan) -> list[dict[str, Any]]:
    """Tolerate the taints of the profile, then the user's."""
    own = [toleration.model_dump(by_alias=True, exclude_none=True) for toleration in plan.pod.profile_tolerations]
    added = [toleration.model_dump(by_alias=True, exclude_none=True) for toleration in plan.pod.template.tolerations]
    return own + added


def render_pull_secrets(plan: ServingPlan) -> list[dict[str, str]]:
    """Refer to the registry credentials, once each: the API server refuses a list with duplicate keys."""
    return [{"name": name} for name in dict.fromkeys(plan.pod.template.image_pull_secrets)]


def render_shared_values(plan: ServingPlan) -> dict[str, object]:
    """Render what the pods have in common: where they run, as whom, and where they find their volumes."""
    return {
        "affinity": render_affinity(plan),
        "tolerations": render_tolerations(plan),
        "image_pull_secrets": render_pull_secrets(plan),
        "pod_security": POD_SECURITY,
        "container_security": CONTAINER_SECURITY,
        "models_path": MODELS_PATH,
        "scratch_path": SCRATCH_PATH,
    }
