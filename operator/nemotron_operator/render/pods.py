"""What every pod of the operator has: identity on the node, placement, labels."""

from typing import Any

from nemotron_operator.constants import COMPONENT_LABEL, DEPLOYMENT_LABEL
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.engine import MODELS_PATH, SCRATCH_PATH
from nemotron_operator.render.metadata import (
    ADAPTER_COMPONENT,
    CACHE_COMPONENT,
    INSPECTION_COMPONENT,
    SERVER_COMPONENT,
    WORKER_COMPONENT,
    label_child,
    label_volume,
    select_group_pods,
)

ENGINE_CONTAINER = "vllm"
"""Name of the container of the engine."""

PROBE_CONTAINER = "probe"
"""Name of the sidecar that tells whether the engine answers."""

OWN_CONTAINERS = frozenset({"check", "download", "inspect", "verify", ENGINE_CONTAINER})
"""Names of the containers in the templates; a mesh or an agent may inject others beside them."""

START_CHECK_CONTAINER = "verify-weights"
"""Name of the init container that reads the weights before the engine does."""

_ON_VOLUME = (CACHE_COMPONENT, INSPECTION_COMPONENT, SERVER_COMPONENT)
"""Components whose pods mount the volume, but for those of adapters, which only some resources have."""

GROUP_KEY_LABEL = "leaderworkerset.sigs.k8s.io/group-key"
"""Label that LeaderWorkerSet gives the pods of one group, with another value than those of any other."""

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
    volume = (
        label_volume(plan.cache.claim_name) if component in {*_ON_VOLUME, ADAPTER_COMPONENT, WORKER_COMPONENT} else {}
    )
    return {**plan.pod.template.labels, **label_child(plan.identity, component), **volume}


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


def render_affinity_of_volume(plan: ServingPlan) -> dict[str, Any]:
    """Require, beside that, the node where the volume is already, if only one may have it.

    Notes
    -----
    The scheduler does not look at the mode ReadWriteOnce, and where the volume is a network disk, a pod on another
    node than the one that serves would wait for ever for it to be detached. The selector matches the pod itself too:
    while no other pod is there, that counts as met on every node (kube-scheduler, InterPodAffinity). It names the
    volume, as the one of another revision may be on another node than the pods that serve from this one.
    """
    affinity = render_affinity(plan)
    if not plan.cache.is_for_one_node:
        return affinity
    selector = {
        "matchLabels": {DEPLOYMENT_LABEL: plan.identity.name, **label_volume(plan.cache.claim_name)},
        "matchExpressions": [
            {"key": COMPONENT_LABEL, "operator": "In", "values": _list_components(plan)},
        ],
    }
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}
    return {**affinity, "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _list_components(plan: ServingPlan) -> list[str]:
    """List the components of pods on the volume; pods without adapters stay as earlier versions rendered them."""
    return sorted({*_ON_VOLUME, *([ADAPTER_COMPONENT] if plan.lora is not None else [])})


def render_affinity_of_group(plan: ServingPlan) -> dict[str, Any]:
    """Require, where a replica is a group of pods, that each of them is on another node."""
    if plan.nodes == 1:
        return render_affinity_of_volume(plan)
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": select_group_pods(plan.identity),
        "matchLabelKeys": [GROUP_KEY_LABEL],
    }
    return {**render_affinity(plan), "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


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
